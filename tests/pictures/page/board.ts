/** What the pictures read of a board's JSON. */

import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Board {
  uid: string;
  title: string;
  panels: Panel[];
  templating: { list: Variable[] };
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  /** Of a row that is closed when the board is opened. */
  panels?: Panel[];
  transformations?: DataTransformerConfig[];
  fieldConfig: FieldConfigSource;
  // each kind of panel has its own, which Grafana's schema names
  options: any;
}

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
}

export interface Variable {
  name: string;
  type: string;
  query: unknown;
  allValue?: string;
  current?: { value?: string | string[] };
}

/** A row of panels: those between its heading and the next one. */
export interface Row {
  title: string;
  panels: Panel[];
}

/** The rows of a board that a picture shows, in the order of the board. */
export function rowsOf(board: Board, titles: string[]): Row[] {
  const rows: Row[] = [];
  for (const panel of board.panels) {
    if (panel.type === 'row') rows.push({ title: panel.title, panels: panel.panels ?? [] });
    else rows.at(-1)?.panels.push(panel);
  }
  const missing = titles.filter((title) => !rows.some((row) => row.title === title));
  if (missing.length > 0) throw new Error(`${board.uid} has no row ${missing.join(', ')}`);
  return rows.filter((row) => titles.includes(row.title));
}
