"""What was seen of all protocols together, and the graph that workloads make of it."""

from typing import Final

import promql
from node_graph import Graph
from promql import DNS, GRPC, HTTP, KAFKA, Sides

REQUESTS: Final = (HTTP, GRPC, KAFKA)
"""Exchanges in which somebody waits for work. Lookups are told apart: to a client a name that does not exist is an error."""

ALL: Final = (*REQUESTS, DNS)


def exchanges(
    *matchers: str, kinds: tuple[Sides, ...] = REQUESTS, window: str = promql.NOW, function: str = "rate"
) -> str:
    """Exchanges per second, each once, with the label `protocol`."""
    return _marked("_count", *matchers, kinds=kinds, window=window, function=function)


def durations(*matchers: str, kinds: tuple[Sides, ...] = REQUESTS) -> str:
    """The buckets of their durations, without those of Fetch, which waits for records."""
    return _marked("_bucket", *matchers, kinds=kinds)


def _marked(suffix: str, *matchers: str, kinds: tuple[Sides, ...], **how: str) -> str:
    def of(kind: Sides) -> str:
        more = [promql.NOT_WAITING] if kind is KAFKA and suffix == "_bucket" else []
        return promql.marked(kind.once(suffix, *matchers, *more, **how), "protocol", kind.name)

    return promql.either(*(of(kind) for kind in kinds))


def service_graph(kinds: tuple[Sides, ...] = REQUESTS) -> Graph:
    """Who asks whom. A node is what is asked, or asks; its errors and latency are those of what it is asked.

    Every end of an edge must be a node: those that only ask are nodes with what they ask.
    """
    rates, failed, buckets = (
        f(promql.TO, promql.BY, *more, kinds=kinds)
        for f, more in ((exchanges, ()), (exchanges, (promql.FAILED,)), (durations, ()))
    )
    served, asking = _node(rates, "destination"), _node(rates, "source")
    served_failed, served_buckets = _node(failed, "destination"), _node(buckets, "destination")
    names = ("id", "title", "subtitle")
    nodes = f"{promql.total(served, *names)} or {promql.total(asking, *names)}"
    errors = f"{promql.share(served_failed, served, 'id')} or {promql.total(asking, 'id')} * 0"
    edge = ("id", "source", "target")
    return Graph(
        nodes=nodes,
        node_errors=errors,
        node_latency=promql.quantile(0.95, served_buckets, "id"),
        edges=promql.total(_edge(rates), *edge),
        edge_latency=promql.quantile(0.95, _edge(buckets), "id"),
    )


def _node(series: str, side: str) -> str:
    named = promql.told(series, f"{side}_workload", "unknown")
    identified = _joined(named, "id", f"{side}_namespace", f"{side}_workload", by="/")
    titled = _joined(identified, "title", f"{side}_workload")
    return _joined(titled, "subtitle", f"{side}_namespace")


def _edge(series: str) -> str:
    named = promql.told(promql.told(series, "source_workload", "unknown"), "destination_workload", "unknown")
    ended = _joined(named, "source", "source_namespace", "source_workload", by="/")
    ended = _joined(ended, "target", "destination_namespace", "destination_workload", by="/")
    return _joined(ended, "id", "source", "target", by=" to ")


def _joined(series: str, label: str, *of: str, by: str = "") -> str:
    names = ", ".join(f'"{name}"' for name in of)
    return f'label_join({series}, "{label}", "{by}", {names})'
