/** Asks Prometheus what a panel asks, and makes of its answers what Grafana's data source makes of them. */

import { type DataFrame, type Field, FieldType, type Labels } from '@grafana/data';

import type { Panel, Target } from './board';
import type { Span } from './variables';

interface Series {
  metric: Labels;
  value?: [number, string];
  values?: Array<[number, string]>;
}

/** The frames of all expressions of a panel. */
export async function framesOf(panel: Panel, span: Span, interpolate: (text: string) => string): Promise<DataFrame[]> {
  const targets = panel.targets ?? [];
  const ask = (target: Target) => answerOf(target, targets.length, span, interpolate);
  const frames = await Promise.all(targets.map(ask));
  return frames.flat();
}

async function answerOf(
  target: Target,
  targets: number,
  span: Span,
  interpolate: (text: string) => string,
): Promise<DataFrame[]> {
  const query = interpolate(target.expr);
  const parameters = target.instant
    ? { query, time: span.to }
    : { query, start: span.from, end: span.to, step: span.step };
  const body = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  const response = await fetch(`/api/v1/${target.instant ? 'query' : 'query_range'}`, { method: 'POST', body });
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${query}`);
  const found: Series[] = answer.data.result;
  if (found.length === 0) return [];
  if (target.format === 'table') return [table(target, targets, found)];
  if (target.format === 'heatmap') return [heatmap(target, found, span)];
  return found.map((series) => frame(target, series, found.length, span));
}

function frame(target: Target, series: Series, count: number, span: Span): DataFrame {
  const { times, values } = pointsOf(series, span);
  const value: Field = {
    name: 'Value',
    type: FieldType.number,
    values,
    labels: series.metric,
    config: { displayNameFromDS: nameOf(target, series.metric, count) },
  };
  return framed(target, [timeField(times), value]);
}

/** One row for each series, one column for each label. */
function table(target: Target, targets: number, found: Series[]): DataFrame {
  const labels = [...new Set(found.flatMap((series) => Object.keys(series.metric)))].sort();
  const last = found.map((series) => series.value ?? series.values!.at(-1)!);
  const columns: Field[] = labels.map((label) => ({
    name: label,
    type: FieldType.string,
    values: found.map((series) => series.metric[label] ?? ''),
    config: {},
  }));
  const value: Field = {
    name: targets > 1 ? `Value #${target.refId}` : 'Value',
    type: FieldType.number,
    values: last.map(([, text]) => Number(text)),
    config: {},
  };
  return framed(target, [timeField(last.map(([time]) => time * 1000)), ...columns, value]);
}

/** One field for each bucket, the lowest first, with what is in it alone. */
function heatmap(target: Target, found: Series[], span: Span): DataFrame {
  const sorted = [...found].sort((one, other) => Number(bound(one)) - Number(bound(other)));
  const points = sorted.map((series) => pointsOf(series, span));
  const buckets: Field[] = sorted.map((series, index) => ({
    name: bound(series),
    type: FieldType.number,
    labels: series.metric,
    values: points[index].values.map((value, time) =>
      value === null ? null : Math.max(0, value - (points[index - 1]?.values[time] ?? 0)),
    ),
    config: {},
  }));
  return framed(target, [timeField(points[0].times), ...buckets]);
}

function bound(series: Series): string {
  return series.metric.le === '+Inf' ? 'Infinity' : series.metric.le;
}

/** A point for each step, whether Prometheus has one or not. */
function pointsOf(series: Series, span: Span): { times: number[]; values: Array<number | null> } {
  if (series.value) return { times: [series.value[0] * 1000], values: [Number(series.value[1])] };
  const told = new Map(series.values!.map(([time, text]) => [Math.round(time), Number(text)]));
  const times = Array.from({ length: Math.floor((span.to - span.from) / span.step) + 1 }, (_, n) => span.from + n * span.step);
  return { times: times.map((time) => time * 1000), values: times.map((time) => told.get(time) ?? null) };
}

function nameOf(target: Target, labels: Labels, count: number): string {
  const pairs = Object.entries(labels).filter(([name]) => name !== '__name__');
  if (!target.legendFormat || target.legendFormat === '__auto') {
    if (count === 1 && pairs.length === 0) return 'Value';
    return `{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`;
  }
  return target.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

function timeField(values: number[]): Field {
  return { name: 'Time', type: FieldType.time, values, config: {} };
}

function framed(target: Target, fields: Field[]): DataFrame {
  return { refId: target.refId, fields, length: fields[0].values.length };
}
