/** Grafana's variables, with the values that a board has when it is opened. */

import { dateTime, rangeUtil, type TimeRange } from '@grafana/data';

import type { Board } from './board';

/** The time that a picture shows, in seconds since 1970, and how far apart its points are. */
export interface Span {
  from: number;
  to: number;
  step: number;
}

/** Grafana's own default, where a data source names no other. */
const SCRAPE_INTERVAL = 15;

/** Puts values in the place of `$name` and `${name}`. */
export function interpolator(board: Board, span: Span): (text: string) => string {
  const seconds = (number: number) => rangeUtil.secondsToHms(number).replace(/\s/g, '');
  const values: Record<string, string> = {
    __interval: seconds(span.step),
    __interval_ms: String(span.step * 1000),
    __rate_interval: seconds(Math.max(span.step + SCRAPE_INTERVAL, 4 * SCRAPE_INTERVAL)),
    __range: `${span.to - span.from}s`,
    __range_s: String(span.to - span.from),
    __range_ms: String((span.to - span.from) * 1000),
  };
  for (const variable of board.templating.list) {
    const value = [variable.current?.value ?? ''].flat();
    if (value.includes('$__all')) values[variable.name] = variable.allValue ?? '.*';
    else values[variable.name] = value.length > 1 ? `(${value.join('|')})` : value[0];
  }
  return (text) => text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced, bare) => values[braced ?? bare] ?? whole);
}

/** The same time as Grafana's components take it. */
export function rangeOf(span: Span): TimeRange {
  const [from, to] = [dateTime(span.from * 1000), dateTime(span.to * 1000)];
  return { from, to, raw: { from, to } };
}
