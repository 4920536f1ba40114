/** The kinds of panels that Grafana publishes components of. */

import {
  type DataFrame,
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, type BigValueGraphMode, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import type { ReactElement } from 'react';

import type { Panel } from './board';
import { Heatmap } from './heatmap';
import { rangeOf, type Span } from './variables';

/** What is inside of a panel's frame. */
export interface ViewProps {
  panel: Panel;
  frames: DataFrame[];
  span: Span;
  width: number;
  height: number;
}

export const VIEWS: Record<string, (props: ViewProps) => ReactElement> = {
  timeseries: Lines,
  stat: Figures,
  bargauge: Bars,
  table: Listing,
  heatmap: Heatmap,
};

function Lines({ panel, frames, span, width, height }: ViewProps) {
  return (
    <TimeSeries
      frames={frames}
      timeRange={rangeOf(span)}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

function Figures({ panel, frames, width, height }: ViewProps) {
  const { options } = panel;
  const theme = useTheme2();
  const draw = (shown: FieldDisplay, width: number, height: number, factors?: DisplayValueAlignmentFactors, count = 1) => (
    <BigValue
      theme={theme}
      value={shown.display}
      sparkline={shown.sparkline}
      count={count}
      colorMode={options.colorMode}
      graphMode={options.graphMode as BigValueGraphMode}
      justifyMode={options.justifyMode}
      textMode={options.textMode}
      alignmentFactors={factors}
      disableWideLayout={!options.wideLayout}
      width={width}
      height={height}
    />
  );
  const values = useValues(panel, frames, options.graphMode !== 'none');
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      source={frames}
      getValues={() => values}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, width, height, alignmentFactors, count }) => draw(value, width, height, alignmentFactors, count)}
      orientation={VizOrientation.Auto}
      autoGrid
      renderCounter={0}
      itemSpacing={3}
      width={width}
      height={height}
    />
  );
}

function Bars({ panel, frames, width, height }: ViewProps) {
  const { options } = panel;
  const theme = useTheme2();
  const values = useValues(panel, frames, false);
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      source={frames}
      getValues={() => values}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, width, height, alignmentFactors, orientation }) => (
        <BarGauge
          theme={theme}
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          displayMode={options.displayMode}
          orientation={orientation}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
          alignmentFactors={alignmentFactors}
          itemSpacing={8}
          lcdCellWidth={12}
          width={width}
          height={height}
        />
      )}
      orientation={options.orientation}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      renderCounter={0}
      itemSpacing={10}
      width={width}
      height={height}
    />
  );
}

function Listing({ panel, frames, span, width, height }: ViewProps) {
  return (
    <TableNG
      data={frames[panel.options.frameIndex ?? 0]}
      timeRange={rangeOf(span)}
      sortBy={panel.options.sortBy}
      cellHeight={panel.options.cellHeight}
      fieldConfig={panel.fieldConfig}
      enableVirtualization={false}
      width={width}
      height={height}
    />
  );
}

function useValues(panel: Panel, frames: DataFrame[], sparkline: boolean): FieldDisplay[] {
  const theme = useTheme2();
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    sparkline,
    theme,
    timeZone: 'utc',
  });
}
