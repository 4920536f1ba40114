/** Applies a panel's transformations, defaults and overrides to its frames, with Grafana's own functions. */

import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  type DataFrame,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type GrafanaTheme2,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import type { Panel } from './board';

/** What a field can be given that is the same for all kinds of panels. */
const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color'];

/** What Grafana's panel of that kind has where a board is silent. */
const DEFAULTS: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: 'none',
    barAlignment: 0,
    barWidthFactor: 0.6,
    lineStyle: { fill: 'solid' },
    spanNulls: false,
    insertNulls: false,
    showPoints: 'auto',
    pointSize: 5,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    axisBorderShow: false,
    axisCenteredZero: false,
    scaleDistribution: { type: 'linear' },
    thresholdsStyle: { mode: 'off' },
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
  table: { align: 'auto', inspect: false, cellOptions: { type: 'auto' } },
};

// some have two names
const transformers = new Map(Object.values(standardTransformers).map((info) => [info.id, info]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((info) => ({
    id: info.id,
    name: info.name,
    transformation: async () => info,
    editor: () => null,
    imageDark: '',
    imageLight: '',
  })),
);

/** The frames as the panel shows them. */
export async function prepared(panel: Panel, frames: DataFrame[], theme: GrafanaTheme2): Promise<DataFrame[]> {
  const { defaults, overrides } = panel.fieldConfig;
  // JSON has no infinity, which is where the lowest threshold begins
  const lowest = defaults.thresholds?.steps[0];
  if (lowest) lowest.value = -Infinity;
  for (const { id, value } of overrides.flatMap((rule) => rule.properties)) {
    if (id === 'thresholds') value.steps[0].value = -Infinity;
  }
  const custom = { ...DEFAULTS[panel.type], ...defaults.custom };
  const names = new Set([
    ...Object.keys(custom),
    ...overrides.flatMap((rule) => rule.properties.map(({ id }) => id)).flatMap((id) => /^custom\.(\w+)/.exec(id)?.[1] ?? []),
  ]);
  const shown = applyFieldOverrides({
    data: await lastValueFrom(transformDataFrame(panel.transformations ?? [], frames)),
    fieldConfig: { defaults: { color: { mode: 'palette-classic' }, ...defaults, custom }, overrides },
    fieldConfigRegistry: new FieldConfigOptionsRegistry(() => [
      ...STANDARD.map((name) => property(name, false)),
      ...[...names].map((name) => property(name, true)),
    ]),
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  cacheFieldDisplayNames(shown);
  return shown;
}

function property(path: string, isCustom: boolean): FieldConfigPropertyItem {
  return {
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    process: (value) => value,
    shouldApply: () => true,
    editor: () => null,
    override: () => null,
  };
}
