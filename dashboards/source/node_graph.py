"""The panel that draws workloads and who asks whom."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import nodegraph
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, MatcherConfig
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

import style
from panels import NO_TRAFFIC, WHOLE, AnyPanel, instant


@dataclass(frozen=True)
class Graph:
    """The expressions of a graph. Nodes have the label `id`, edges `id`, `source` and `target`; see `seen.py`."""

    nodes: str
    node_errors: str
    node_latency: str
    edges: str
    edge_latency: str


def graph(title: str, description: str, of: Graph, *, height: int = 18, empty: str = NO_TRAFFIC) -> AnyPanel:
    """Workloads, and who asks whom.

    The panel takes fields by their names, which renaming does not change: so what Prometheus calls a value is calculated anew
    under the name that the panel wants.
    """
    nodes = {
        "nodes": of.nodes,
        "node_errors": of.node_errors,
        "node_ok": f"1 - ({of.node_errors})",
        "node_latency": of.node_latency,
    }
    edges = {"edges": of.edges, "edge_latency": of.edge_latency}
    named = {
        "nodes": "mainstat",
        "node_latency": "secondarystat",
        "node_errors": "arc__errors",
        "node_ok": "arc__ok",
        "edges": "mainstat",
        "edge_latency": "secondarystat",
    }
    panel = (
        nodegraph.Panel()
        .title(title)
        .description(description)
        .datasource(style.METRICS)
        .unit("reqps")
        .no_value(empty)
        .span(WHOLE)
        .height(height)
        .targets([instant(expr, ref, "").format(PromQueryFormat.TABLE) for ref, expr in (nodes | edges).items()])
        .with_transformation(_join("id", list(nodes)))
        .with_transformation(_join("id", list(edges)))
        .nodes(
            nodegraph.NodeOptions()
            .main_stat_unit("reqps")
            .secondary_stat_unit("s")
            .arcs(
                [
                    nodegraph.ArcOption().field("arc__errors").color(style.BAD),
                    nodegraph.ArcOption().field("arc__ok").color(style.GOOD),
                ]
            )
        )
        .edges(nodegraph.EdgeOptions().main_stat_unit("reqps").secondary_stat_unit("s"))
    )
    for ref, name in named.items():
        panel = panel.with_transformation(_calculated(f"Value #{ref}", name, "/nodes/" if ref in nodes else "/edges/"))
    return panel


def _join(by: str, refs: list[str]) -> DataTransformerConfig:
    return DataTransformerConfig(
        id_val="joinByField",
        filter_val=MatcherConfig(id_val="byRefId", options="|".join(refs)),
        options={"byField": by, "mode": "outer"},
    )


def _calculated(source: str, name: str, frames: str) -> DataTransformerConfig:
    return DataTransformerConfig(
        id_val="calculateField",
        filter_val=MatcherConfig(id_val="byRefId", options=frames),
        options={
            "alias": name,
            "mode": "reduceRow",
            "reduce": {"include": [source], "reducer": "lastNotNull"},
            "replaceFields": False,
            "timeSeries": False,
        },
    )
