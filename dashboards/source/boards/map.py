"""The map: who asks whom, how often, with which errors and how fast."""

from grafana_foundation_sdk.models import units

import links
import promql
import seen
import style
import variables
from board import Board, Section
from node_graph import graph
from panels import Column, Label, Line, listing, trend
from promql import BY, EDGE, FAILED, TO

FAMILIES = [f"{name}_count" for kind in seen.ALL for name in dict.fromkeys((kind.served, kind.asked))]


def board() -> Board:
    """The map."""
    return Board(
        name="map",
        title="Map",
        description="Workloads and who asks whom, out of the labels of the default view: no traces and no further view "
        "are needed. The chosen workloads are those that are asked, the chosen callers those that ask.",
        variables=[
            variables.datasource(),
            variables.traces(),
            *variables.agents(),
            *variables.asked(FAMILIES),
            variables.asking(FAMILIES, TO),
        ],
        sections=[_map(), _edges(), _over_time(), _lookups()],
    )


def _map() -> Section:
    return Section(
        "Requests",
        [
            graph(
                "HTTP, gRPC and Kafka",
                "A circle is a workload, with the requests per second that it is asked and their 95th percentile; "
                "the red part of its ring is the share of errors. One that is asked by nobody has what it asks "
                "instead. An arrow is who asks whom. Follow red rings along the arrows to the last one: there the "
                "errors begin.",
                seen.service_graph(),
            )
        ],
    )


def _edges() -> Section:
    by = (*EDGE, "protocol")
    rate, failed, durations = (
        f(TO, BY, *more, kinds=seen.ALL)
        for f, more in ((seen.exchanges, ()), (seen.exchanges, (FAILED,)), (seen.durations, ()))
    )
    return Section(
        "Edges",
        [
            listing(
                "Who asks whom",
                "Each pair by protocol. Sort by errors to see which caller suffers most. Click a workload for its "
                "boards and traces.",
                [
                    Label("source_namespace", "From namespace"),
                    Label(
                        "source_workload",
                        "From",
                        [links.to_caller("What it asks", "flowfold-http"), links.to_traces("source")],
                    ),
                    Label("destination_namespace", "To namespace"),
                    Label(
                        "destination_workload",
                        "To",
                        [links.to_board("What it serves", "flowfold-http"), links.to_traces()],
                    ),
                    Label("protocol", "Protocol"),
                ],
                [
                    Column("Rate", promql.total(rate, *by), units.RequestsPerSecond),
                    Column(
                        "Errors", promql.share(failed, rate, *by), units.PercentUnit, style.rising(style.ERROR_SHARE)
                    ),
                    Column("p50", promql.quantile(0.5, durations, *by), units.Seconds),
                    Column("p95", promql.quantile(0.95, durations, *by), units.Seconds),
                ],
                sort="Rate",
            )
        ],
    )


def _over_time() -> Section:
    rate, failed = seen.exchanges(TO, BY), seen.exchanges(TO, BY, FAILED)
    edge = "{{source_workload}} to {{destination_workload}}"
    return Section(
        "Edges over time",
        [
            trend(
                "Requests by edge",
                "Requests per second of each pair. An edge that vanished is a caller that is gone, or cannot connect.",
                units.RequestsPerSecond,
                Line(promql.total(rate, *EDGE), edge),
            ),
            trend(
                "Errors by edge",
                "Share of failed requests of each pair. One caller alone: what it sends; all callers: what they ask.",
                units.PercentUnit,
                Line(promql.share(failed, rate, *EDGE), edge),
                limits=style.rising(style.ERROR_SHARE),
            ),
        ],
    )


def _lookups() -> Section:
    return Section(
        "Lookups",
        [
            graph(
                "DNS",
                "The same for DNS lookups, where nearly everybody asks the same servers. A red ring: see the board "
                "of DNS.",
                seen.service_graph((promql.DNS,)),
                height=12,
                empty="no lookups seen: is there a rule <Egress/53/UDP/DNS>?",
            )
        ],
        folded=True,
    )
