"""Where links lead: from board to board with what was chosen, and to traces."""

import json
from dataclasses import dataclass
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

import style

KEPT = "${datasource:queryparam}&${traces:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"
"""What a board that is led to is to know of the one before."""


@dataclass(frozen=True)
class Link:
    """A link of a value."""

    title: str
    url: str


def to_siblings() -> DashboardLink:
    """The other boards, in the head of each."""
    return (
        DashboardLink("Flowfold")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([style.TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
        .icon("dashboard")
        .tooltip("The other boards of Flowfold, for what is chosen here")
    )


def to_board(title: str, uid: str, namespace: str = "namespace", workload: str = "workload") -> Link:
    """Another board, for the workload that is asked in the row; the names are those of the board's variables."""
    chosen = f"var-{namespace}=${{__data.fields.destination_namespace}}&var-{workload}=${{__data.fields.destination_workload}}"
    return Link(title, f"/d/{uid}?{chosen}&{KEPT}")


def to_caller(title: str, uid: str) -> Link:
    """Another board, for what the workload that asks in the row asks of all."""
    return Link(title, f"/d/{uid}?var-caller=${{__data.fields.source_workload}}&{KEPT}")


def to_traces(side: str = "destination") -> Link:
    """The traces that have a span of the workload in the row."""
    query = {
        "refId": "A",
        "datasource": {"type": "tempo", "uid": "${traces}"},
        "queryType": "traceql",
        "query": f'{{resource.service.name="${{__data.fields.{side}_workload}}"}}',
    }
    pane = {"datasource": "${traces}", "queries": [query], "range": {"from": "${__from}", "to": "${__to}"}}
    panes = json.dumps({"flowfold": pane}, separators=(",", ":"))
    return Link("Traces", f"/explore?schemaVersion=1&panes={quote(panes, safe='${}:,._')}")
