"""A board: its head, and its panels in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, Row
from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, Panel, RowPanel

import links
import promql
import style
from panels import AnyPanel
from variables import Variable


@dataclass(frozen=True)
class Section:
    """Panels under a heading, which may be folded up where few want them."""

    title: str
    panels: Sequence[AnyPanel]
    folded: bool = False


@dataclass(frozen=True)
class Board:
    """What one file holds. Its uid is `flowfold-` and the file's name, so that links to it last."""

    name: str
    title: str
    description: str
    variables: Sequence[Variable]
    sections: Sequence[Section]

    def build(self) -> DashboardModel:
        """The board as Grafana knows it."""
        board = (
            Dashboard(f"Flowfold / {self.title}")
            .uid(f"flowfold-{self.name}")
            .description(self.description)
            .tags([style.TAG])
            .timezone("browser")
            .time("now-1h", "now")
            .refresh("30s")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .variables(list(self.variables))
            .annotation(_starts())
            .link(links.to_siblings())
            .editable()
        )
        for section in self.sections:
            row = Row(section.title)
            if section.folded:
                for panel in section.panels:
                    row = row.with_panel(panel)
                board = board.with_row(row)
            else:
                board = board.with_row(row)
                for panel in section.panels:
                    board = board.with_panel(panel)
        built = board.build()
        _number(built.panels or [])
        for link in built.links or []:
            link.placement = None  # type: ignore[assignment]  # the library hides them in a menu
        return built


def _starts() -> AnnotationQuery:
    """A mark where an agent started: what it had counted began anew, and connections that were open are not seen."""
    return (
        AnnotationQuery()
        .name("Agent started")
        .datasource(style.METRICS)
        .enable(True)
        .icon_color(style.STRANGE)
        .expr(f"{promql.of_agents(promql.select('process_start_time_seconds'))} * 1000")
        .use_value_for_time(True)
        .title_format("Agent started")
        .text_format("{{instance}}")
    )


def _number(panels: Sequence[Panel | RowPanel]) -> None:
    """Gives each panel a number of its own; a folded row's panels follow the row."""
    number = 0
    for panel in panels:
        number += 1
        panel.id_val = number
        for inner in panel.panels if isinstance(panel, RowPanel) else []:
            number += 1
            inner.id_val = number
