// Takes the pictures that pictures.json names: node shoot.mjs PROMETHEUS CHROMIUM DIRECTORY SECONDS [END]
// PROMETHEUS has what is shown, of the last SECONDS before END, which is a time in seconds since 1970, or now.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const here = import.meta.dirname;
const INTER = join(here, 'node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2');
const WIDTH = 1600;
const STEP = 15;

const [prometheus, chromium, directory, seconds, end = Date.now() / 1000] = process.argv.slice(2);
const to = Math.floor(Number(end) / STEP) * STEP;
const span = { from: to - Number(seconds), to, step: STEP };

const bundle = await build({
  entryPoints: [join(here, 'page/page.tsx')],
  bundle: true,
  minify: true,
  write: false,
  outdir: '/',
  format: 'iife',
  jsx: 'automatic',
  loader: { '.woff2': 'dataurl', '.ttf': 'dataurl', '.svg': 'dataurl' },
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  logLevel: 'warning',
});
const made = new Map(bundle.outputFiles.map((file) => [file.path, file.contents]));
const PAGE = `<!doctype html><meta charset="utf-8"><title>Flowfold</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
<div id="page"></div><script>window.__grafana_public_path__ = '/public/'</script><script src="/page.js"></script>`;
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** What the page asks for: itself, Grafana's icons, and Prometheus. */
async function answer({ url, method, headers }, body) {
  const { pathname } = new URL(url, 'http://page');
  if (pathname === '/') return { type: 'text/html', content: PAGE };
  if (pathname.startsWith('/api/v1/')) {
    const response = await fetch(prometheus + url, { method, body, headers: { 'content-type': headers['content-type'] } });
    return { type: 'application/json', content: Buffer.from(await response.arrayBuffer()) };
  }
  const type = TYPES[extname(pathname)] ?? 'application/octet-stream';
  if (pathname.startsWith('/public/fonts/inter/')) return { type, content: await readFile(INTER) };
  if (pathname.startsWith('/public/')) {
    const path = pathname.replace('/public/build/', '/public/');
    return { type, content: await readFile(join(here, 'node_modules/@grafana/ui/dist', path)) };
  }
  return { type, content: made.get(pathname) };
}

const server = createServer(async (request, response) => {
  try {
    const chunks = await request.toArray();
    const { type, content } = await answer(request, chunks.length > 0 ? Buffer.concat(chunks) : undefined);
    if (!content) throw new Error('there is no such file');
    response.writeHead(200, { 'content-type': type }).end(content);
  } catch (error) {
    console.error(`${request.url}: ${error.message}`);
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--force-color-profile=srgb'] });
try {
  for (const { name, board, rows } of JSON.parse(await readFile(join(here, 'pictures.json')))) {
    const page = await browser.newPage();
    let broken;
    page.on('pageerror', (error) => (broken = error));
    page.on('console', (message) => message.type() === 'error' && console.error(`${name}: ${message.text()}`));
    // tables draw nothing where they cannot be seen
    await page.setViewport({ width: WIDTH, height: 4000 });
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const source = JSON.parse(await readFile(join(here, '../../dashboards', `${board}.json`)));
    await page.evaluate((...what) => window.show(...what), source, rows, span, WIDTH);
    // icons are loaded late, and tables are filled once they know their size
    await page.waitForNetworkIdle({ idleTime: 1000 });
    await page.waitForFunction(() =>
      [...document.querySelectorAll('[data-filled=table]')].every((panel) => panel.querySelector('[role=gridcell]')),
    );
    if (broken) throw broken;
    await (await page.$('#board')).screenshot({ path: join(directory, `${name}.png`) });
    console.log(`${name}.png`);
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
