"""Panels, each in one form for all boards. All of them say what they show and what to do when it looks bad."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphGradientMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TableCellHeight,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

import style
from links import Link

AnyPanel: TypeAlias = Builder[Panel]

HALF: Final = 12
THIRD: Final = 8
QUARTER: Final = 6
WHOLE: Final = style.WIDTH
TALL: Final = 9
SMALL: Final = 4

WORKLOAD_NAME: Final = "{{destination_workload}} {{destination_namespace}}"
"""What series by workload are called; many have no namespace."""

NO_TRAFFIC: Final = "nothing seen"
"""What a panel says that has no data."""


@dataclass(frozen=True)
class Line:
    """What a panel draws: an expression, and how its series are called."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True)
class Column:
    """A column of numbers of a table."""

    title: str
    expr: str
    unit: str
    thresholds: ThresholdsConfig | None = None


@dataclass(frozen=True)
class Label:
    """A column of names of a table, which may lead somewhere."""

    name: str
    title: str
    links: Sequence[Link] = ()


def trend(
    title: str,
    description: str,
    unit: str,
    *lines: Line,
    span: int = HALF,
    stacked: bool = False,
    least: float | None = 0,
    most: float | None = None,
    limits: ThresholdsConfig | None = None,
    colors: dict[str, str] | None = None,
    empty: str = NO_TRAFFIC,
) -> AnyPanel:
    """Lines over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit(unit)
        .no_value(empty)
        .span(span)
        .height(TALL)
        .targets([_range(line, number) for number, line in enumerate(lines)])
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .line_width(1)
        .fill_opacity(60 if stacked else 8)
        .gradient_mode(GraphGradientMode.NONE if stacked else GraphGradientMode.OPACITY)
        .show_points(VisibilityMode.NEVER)
        .span_nulls(False)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["mean", "max", "lastNotNull"] if span > QUARTER else ["lastNotNull"])
            .sort_by("Last *")
            .sort_desc(True)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if limits is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(limits).thresholds_style(dashed)
    for regexp, color in (colors or {}).items():
        panel = panel.override_by_regexp(regexp, [_fixed(color)])
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    expr: str,
    thresholds: ThresholdsConfig | None = None,
    *,
    span: int = SMALL,
    empty: str = NO_TRAFFIC,
    decimals: int | None = None,
) -> AnyPanel:
    """One number, at the end of the time that is shown; its course is in a panel below."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit(unit)
        .no_value(empty)
        .span(span)
        .height(SMALL)
        .targets([instant(expr, "A", "")])
        .thresholds(thresholds or style.plain())
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    return panel if decimals is None else panel.decimals(decimals)


def spread(
    title: str, description: str, unit: str, buckets: str, *, span: int = HALF, empty: str = NO_TRAFFIC
) -> AnyPanel:
    """A distribution over time, with its exemplars."""
    query = _range(Line(buckets, "{{le}}", exemplars=True), 0).format(PromQueryFormat.HEATMAP)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .no_value(empty)
        .span(span)
        .height(TALL)
        .targets([query])
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme(style.HEAT)
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .cell_gap(1)
        .cell_values(heatmap.CellValues().unit("ops"))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(AxisPlacement.LEFT))
        .tooltip(heatmap.HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(True).show_color_scale(True))
        .exemplars_color("rgba(255,0,255,0.7)")
        .show_legend()
        .unit(unit)
    )


def bars(
    title: str,
    description: str,
    unit: str,
    expr: str,
    legend: str,
    *,
    span: int = HALF,
    empty: str = NO_TRAFFIC,
) -> AnyPanel:
    """A ranking at the end of the time that is shown."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .span(span)
        .height(TALL)
        .targets([instant(f"sort_desc({expr})", "A", legend)])
        .thresholds(style.plain())
        .color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BL_PU))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .show_unfilled(False)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def listing(
    title: str,
    description: str,
    labels: Sequence[Label],
    columns: Sequence[Column],
    *,
    span: int = WHOLE,
    sort: str = "",
    untold: Sequence[str] = (),
    empty: str = NO_TRAFFIC,
) -> AnyPanel:
    """A table: a row for each set of labels, a column for each expression; those `untold` are left out."""
    refs = [column.title.lower().replace(" ", "_") for column in columns]
    values = [_value_of(ref, len(columns)) for ref in refs]
    renamed = {label.name: label.title for label in labels}
    renamed |= {value: column.title for value, column in zip(values, columns, strict=True)}
    order = [label.name for label in labels] + values
    hidden = {"__name__": True, "Time": True, **{f"Time {number}": True for number in range(1, len(columns) + 1)}}
    hidden |= {value: True for value, column in zip(values, columns, strict=True) if column.title in untold}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit(columns[0].unit)
        .no_value(empty)
        .span(span)
        .height(TALL)
        .targets(
            [
                instant(column.expr, ref, "").format(PromQueryFormat.TABLE)
                for column, ref in zip(columns, refs, strict=True)
            ]
        )
        .thresholds(style.plain())
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": hidden,
                    "indexByName": {name: index for index, name in enumerate(order)},
                    "renameByName": renamed,
                },
            )
        )
        .cell_height(TableCellHeight.SM)
        .filterable(True)
        .show_header(True)
    )
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    for column in columns:
        properties = [DynamicConfigValue(id_val="unit", value=column.unit), _blank()]
        if column.thresholds is not None:
            properties += [
                DynamicConfigValue(id_val="thresholds", value=column.thresholds.build()),
                DynamicConfigValue(id_val="color", value={"mode": "thresholds"}),
                DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            ]
        panel = panel.override_by_name(column.title, properties)
    for label in labels:
        links = [{"title": link.title, "url": link.url} for link in label.links]
        panel = panel.override_by_name(label.title, [DynamicConfigValue(id_val="links", value=links), _blank()])
    return panel


def states(
    title: str, description: str, line: Line, words: dict[str, tuple[str, str]], *, span: int = HALF, empty: str
) -> AnyPanel:
    """What state things were in over time; `words` says what each number means, in which colour."""
    mapping = ValueMap(
        options={
            value: ValueMappingResult(text=word, color=color, index=index)
            for index, (value, (word, color)) in enumerate(words.items())
        }
    )
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit("bool")
        .no_value(empty)
        .span(span)
        .height(TALL)
        .targets([_range(line, 0)])
        .thresholds(style.all_is_good())
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .mappings([mapping])
        .merge_values(True)
        .show_value(VisibilityMode.NEVER)
        .row_height(0.8)
    )


def _value_of(ref: str, count: int) -> str:
    """What Grafana calls the values of a query that is shown as a table."""
    return "Value" if count == 1 else f"Value #{ref}"


def _range(line: Line, number: int) -> Dataquery:
    query = Dataquery().datasource(style.METRICS).expr(line.expr).ref_id(chr(ord("A") + number)).range()
    query = query.legend_format(line.legend or "__auto")
    return query.exemplar(True) if line.exemplars else query


def instant(expr: str, ref: str, legend: str) -> Dataquery:
    """A query for the end of the time that is shown."""
    return Dataquery().datasource(style.METRICS).expr(expr).ref_id(ref).instant().legend_format(legend or "__auto")


def _blank() -> DynamicConfigValue:
    """What a cell shows that has no value, in place of what the panel says of itself."""
    return DynamicConfigValue(id_val="noValue", value="–")


def _fixed(color: str) -> DynamicConfigValue:
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
