/**
 * A heat map. Grafana publishes no component of its own one, so the cells are drawn here, in the colours that a board names,
 * on the plot and axes that Grafana publishes.
 */

import { FieldType, type GrafanaTheme2, getValueFormat } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, useTheme2 } from '@grafana/ui';
import * as schemes from 'd3-scale-chromatic';
import { useMemo } from 'react';
import type uPlot from 'uplot';

import type { ViewProps } from './panels';
import type { Span } from './variables';

export function Heatmap({ panel, frames, span, width, height }: ViewProps) {
  const theme = useTheme2();
  const [frame] = frames;
  const config = useMemo(() => {
    const buckets = frame.fields.filter((field) => field.type === FieldType.number);
    const format = getValueFormat(panel.options.yAxis.unit ?? 'short');
    const names = buckets.map(({ name }) => {
      if (name === 'Infinity') return '∞';
      const { text, suffix } = format(Number(name));
      return text + (suffix ?? '');
    });
    return configured(theme, span, frame.fields[0].values, buckets.map((field) => field.values), names, panel.options);
  }, [theme, frame, span, panel]);
  const data = [frame.fields[0].values, ...frame.fields.slice(1).map((field) => field.values)];
  return <UPlotChart config={config} data={data as uPlot.AlignedData} width={width} height={height} />;
}

function configured(
  theme: GrafanaTheme2,
  span: Span,
  times: number[],
  buckets: Array<Array<number | null>>,
  names: string[],
  options: any,
): UPlotConfigBuilder {
  const config = new UPlotConfigBuilder('utc');
  config.addScale({
    scaleKey: 'x',
    isTime: true,
    orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right,
    range: () => [span.from * 1000, span.to * 1000],
  });
  config.addScale({
    scaleKey: 'y',
    orientation: ScaleOrientation.Vertical,
    direction: ScaleDirection.Up,
    range: () => [0, buckets.length],
  });
  config.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, grid: { show: false } });
  config.addAxis({
    scaleKey: 'y',
    placement: AxisPlacement.Left,
    theme,
    grid: { show: false },
    size: 64,
    // a bucket's name is that of its upper end
    splits: () => everyFew(names).map((index) => index + 1),
    formatValue: (value: number) => names[value - 1],
  });
  config.addHook('draw', (plot) => draw(plot, span, times, buckets, options));
  return config;
}

function draw(plot: uPlot, span: Span, times: number[], buckets: Array<Array<number | null>>, options: any): void {
  const scheme: (share: number) => string = (schemes as any)[`interpolate${options.color.scheme}`];
  const most = Math.max(...buckets.flat().map((value) => value ?? 0));
  const least = options.filterValues?.le ?? 0;
  const gap = options.cellGap ?? 1;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  for (const [bucket, values] of buckets.entries()) {
    const bottom = plot.valToPos(bucket, 'y', true);
    const top = plot.valToPos(bucket + 1, 'y', true);
    for (const [index, value] of values.entries()) {
      if (value === null || value <= least) continue;
      const left = plot.valToPos(times[index] - span.step * 1000, 'x', true);
      const right = plot.valToPos(times[index], 'x', true);
      const share = (value / most) ** (options.color.exponent ?? 0.5);
      // on dark ground little is dark
      ctx.fillStyle = scheme(1 - share);
      ctx.fillRect(left, top, right - left - gap, bottom - top - gap);
    }
  }
  ctx.restore();
}

/** As many names as an axis has room for. */
function everyFew(names: string[]): number[] {
  const every = Math.ceil(names.length / 8);
  return names.map((_, index) => index).filter((index) => index % every === every - 1);
}
