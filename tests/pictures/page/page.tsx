/** A page with some rows of a board, as large as they are, and with nothing around them. */

import { createTheme, type DataFrame, type GrafanaTheme2, rangeUtil, ThemeContext } from '@grafana/data';
import { GlobalStyles, Icon, PanelChrome, PortalContainer } from '@grafana/ui';
import type { ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

import { type Board, type Panel, type Row, rowsOf } from './board';
import { prepared } from './fields';
import { VIEWS } from './panels';
import { framesOf } from './query';
import { interpolator, type Span } from './variables';

/** Grafana's grid: columns, and the pixels of a cell's height and of the gaps. */
const COLUMNS = 24;
const CELL = 30;
const GAP = 8;
const HEADING = 32;
const MARGIN = 16;

interface Filled {
  panel: Panel;
  frames: DataFrame[];
}

declare global {
  interface Window {
    /** Says what to show; there once the page is loaded. */
    show(board: Board, rows: string[], span: Span, width: number): Promise<void>;
  }
}

window.show = async (board, titles, span, width) => {
  const theme = createTheme({ colors: { mode: 'dark' } });
  const interpolate = interpolator(board, span);
  const rows = rowsOf(board, titles);
  const filled = new Map<Row, Filled[]>();
  for (const row of rows) {
    const fill = async (panel: Panel) => ({
      panel,
      frames: await prepared(panel, await framesOf(panel, span, interpolate), theme),
    });
    filled.set(row, await Promise.all(row.panels.map(fill)));
  }
  const root = createRoot(document.getElementById('page')!);
  // axes are as wide as their labels, so the font has to be there before them
  flushSync(() => root.render(<Themed theme={theme} />));
  for (const weight of [400, 500]) {
    while ((await document.fonts.load(`${weight} 12px Inter`)).length === 0) await new Promise(requestAnimationFrame);
  }
  flushSync(() =>
    root.render(
      <Themed theme={theme}>
        <Page {...{ board, filled, span, width, theme }} />
      </Themed>,
    ),
  );
  await new Promise((resolve) => requestIdleCallback(resolve));
};

function Themed({ theme, children }: { theme: GrafanaTheme2; children?: ReactNode }) {
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PortalContainer />
      {children}
    </ThemeContext.Provider>
  );
}

interface PageProps {
  board: Board;
  filled: Map<Row, Filled[]>;
  span: Span;
  width: number;
  theme: GrafanaTheme2;
}

function Page({ board, filled, span, width, theme }: PageProps) {
  const style = { width, padding: MARGIN, background: theme.colors.background.canvas };
  return (
    <div id="board" style={style}>
      <div style={{ display: 'flex', alignItems: 'baseline', gap: GAP }}>
        <h3 style={{ margin: `0 auto ${GAP}px 0` }}>{board.title}</h3>
        <Icon name="clock-nine" /> Last {rangeUtil.secondsToHms(span.to - span.from)}
      </div>
      {[...filled].map(([row, panels]) => (
        <section key={row.title}>
          <h5 style={{ height: HEADING, margin: 0, display: 'flex', alignItems: 'center', gap: GAP }}>
            <Icon name="angle-down" />
            {row.title}
          </h5>
          <Grid panels={panels} span={span} width={width - 2 * MARGIN} />
        </section>
      ))}
    </div>
  );
}

function Grid({ panels, span, width }: { panels: Filled[]; span: Span; width: number }) {
  const top = Math.min(...panels.map(({ panel }) => panel.gridPos.y));
  const bottom = Math.max(...panels.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
  const column = (width + GAP) / COLUMNS;
  return (
    <div style={{ position: 'relative', height: (bottom - top) * (CELL + GAP) }}>
      {panels.map(({ panel, frames }) => {
        const { x, y, w, h } = panel.gridPos;
        return (
          <div
            key={panel.id}
            data-filled={frames.length > 0 ? panel.type : undefined}
            style={{ position: 'absolute', left: x * column, top: (y - top) * (CELL + GAP) }}
          >
            <Framed panel={panel} frames={frames} span={span} width={w * column - GAP} height={h * (CELL + GAP) - GAP} />
          </div>
        );
      })}
    </div>
  );
}

function Framed({ panel, frames, span, width, height }: Filled & { span: Span; width: number; height: number }) {
  const View = VIEWS[panel.type];
  if (!View) throw new Error(`no picture can be taken of a panel that is a ${panel.type}: ${panel.title}`);
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
      {(innerWidth, innerHeight) =>
        frames.length === 0 ? (
          <div style={{ height: innerHeight, display: 'grid', placeItems: 'center' }}>
            {panel.fieldConfig.defaults.noValue ?? 'No data'}
          </div>
        ) : (
          <View {...{ panel, frames, span }} width={innerWidth} height={innerHeight} />
        )
      }
    </PanelChrome>
  );
}
