"""The first board to look at: rate, errors and duration of all workloads, and whether they keep what they promise."""

from grafana_foundation_sdk.models import units

import links
import panels
import promql
import seen
import style
import variables
from board import Board, Section
from panels import THIRD, Column, Label, Line, bars, figure, listing, trend
from promql import EDGE, FAILED, TO, WORKLOAD

FAMILIES = [f"{name}_count" for kind in seen.ALL for name in dict.fromkeys((kind.served, kind.asked))]

ALLOWED = "(1 - $objective / 100)"
"""The share of requests that may fail."""


def board() -> Board:
    """The overview."""
    return Board(
        name="overview",
        title="Overview",
        description="Rate, errors and duration of every workload that Flowfold sees, whatever it speaks.",
        variables=[
            variables.datasource(),
            variables.traces(),
            *variables.agents(),
            *variables.asked(FAMILIES),
            variables.objective(),
        ],
        sections=[_now(), _workloads(), _budget(), _over_time(), _talkers()],
    )


def _now() -> Section:
    rate, failed = seen.exchanges(TO), seen.exchanges(TO, FAILED)
    lookups, lost = (seen.exchanges(TO, *more, kinds=(promql.DNS,)) for more in ((), (FAILED,)))
    return Section(
        "Now",
        [
            figure(
                "Requests",
                "HTTP requests, gRPC calls and Kafka requests per second that the chosen workloads are asked; each "
                "once, even where both sides were seen. When it falls to nothing: is the agent up, and are its "
                "programs attached? See the board of the agent.",
                units.RequestsPerSecond,
                promql.total(rate),
            ),
            figure(
                "Errors",
                "Share of them that failed: 5xx and no answer for servers, 4xx too where only the client was seen, "
                "status codes of gRPC and errors of Kafka. When it rises: sort the table below by errors, and follow "
                "the workload's link.",
                units.PercentUnit,
                promql.share(failed, rate),
                style.rising(style.ERROR_SHARE),
            ),
            figure(
                "95th percentile",
                "Duration that 95 of 100 requests stay below, without Kafka's Fetch, which waits for records. When "
                "it rises: the table below says whose it is.",
                units.Seconds,
                promql.quantile(0.95, seen.durations(TO)),
            ),
            figure(
                "Budget left",
                "Share of the error budget that is left of the time shown: 100 % is untouched, below 0 the objective is "
                "missed; all that is worse than -100 % shows as that. When it is low: stop what is risky, and see who "
                "spends it below.",
                units.PercentUnit,
                f"clamp_min({_budget_left()}, -1)",
                style.falling(style.BUDGET_LEFT),
            ),
            figure(
                "Lookups failed",
                "Share of DNS lookups without a good answer. To a client a name that does not exist is an error, "
                "too: search domains make many. See the board of DNS.",
                units.PercentUnit,
                promql.share(lost, lookups),
                empty="no lookups",
            ),
            figure(
                "Agents",
                "Agents that are scraped. Fewer than there are hosts: see the alerts on absent agents.",
                units.Short,
                f"count({promql.select('flowfold_build_info')})",
                empty="none",
            ),
        ],
    )


def _workloads() -> Section:
    kinds = seen.ALL
    by = (*WORKLOAD, "protocol")
    rate, failed, durations = (
        seen.exchanges(TO, kinds=kinds),
        seen.exchanges(TO, FAILED, kinds=kinds),
        seen.durations(TO, kinds=kinds),
    )
    to = [
        links.to_board("HTTP", "flowfold-http"),
        links.to_board("gRPC", "flowfold-grpc"),
        links.to_board("Kafka", "flowfold-kafka", "broker_namespace", "broker"),
        links.to_board("DNS", "flowfold-dns", "server_namespace", "server"),
        links.to_traces(),
    ]
    return Section(
        "Workloads",
        [
            listing(
                "Rate, errors and duration by workload",
                "What each workload was asked lately, by protocol. Click a workload for its boards and traces. A "
                "workload that is known by its address alone has no name yet: give it one under `workloads` in the "
                "configuration.",
                [
                    Label("destination_namespace", "Namespace"),
                    Label("destination_workload", "Workload", to),
                    Label("protocol", "Protocol"),
                ],
                [
                    Column("Rate", promql.total(rate, *by), units.RequestsPerSecond),
                    Column(
                        "Errors", promql.share(failed, rate, *by), units.PercentUnit, style.rising(style.ERROR_SHARE)
                    ),
                    *(
                        Column(name, promql.quantile(of, durations, *by), units.Seconds)
                        for name, of in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
                    ),
                ],
                sort="Rate",
            )
        ],
    )


def _budget_left() -> str:
    return f"1 - ({promql.share(_in_all(TO, FAILED), _in_all(TO))}) / {ALLOWED}"


def _in_all(*matchers: str) -> str:
    """Exchanges in the whole time that is shown."""
    return seen.exchanges(*matchers, window=promql.RANGE, function="increase")


def _budget() -> Section:
    rate, failed = seen.exchanges(TO), seen.exchanges(TO, FAILED)
    spent = promql.share(_in_all(TO, FAILED), _in_all(TO), *WORKLOAD)
    return Section(
        "Error budget",
        [
            trend(
                "Burn rate",
                "How many times faster than allowed the budget is spent: at 1 it lasts just as long as the "
                "objective's period, at 14.4 a month's is gone in two days. Above 1 for long: act now, the alerts on "
                "burn rate say how urgent it is.",
                units.Short,
                Line(
                    f"({promql.share(failed, rate, *WORKLOAD)}) / {ALLOWED}",
                    panels.WORKLOAD_NAME,
                ),
                limits=style.rising((1.0, 14.4)),
            ),
            bars(
                "Who spends it",
                "Workloads by the share of their budget that they spent in the time shown; above 1 the objective is "
                "missed. Start with the first: its link in the table above leads to its errors.",
                units.PercentUnit,
                promql.top(10, f"({spent}) / {ALLOWED}"),
                panels.WORKLOAD_NAME,
            ),
        ],
    )


def _over_time() -> Section:
    legend = panels.WORKLOAD_NAME
    rate, failed = seen.exchanges(TO), seen.exchanges(TO, FAILED)
    return Section(
        "Over time",
        [
            trend(
                "Requests by workload",
                "Requests per second of each workload. A sudden fall is an outage in front of it, a sudden rise "
                "often retries: see whether errors or durations rose first.",
                units.RequestsPerSecond,
                Line(promql.total(rate, *WORKLOAD), legend),
                stacked=True,
                span=THIRD,
            ),
            trend(
                "Errors by workload",
                "Share of failed requests of each workload. Several that rise together: look at what all of them "
                "ask, on the map.",
                units.PercentUnit,
                Line(promql.share(failed, rate, *WORKLOAD), legend),
                span=THIRD,
                limits=style.rising(style.ERROR_SHARE),
            ),
            trend(
                "95th percentile by workload",
                "Duration that 95 of 100 requests stay below. Points are exemplars: each leads to a trace where the "
                "data source of metrics knows where traces are.",
                units.Seconds,
                Line(promql.quantile(0.95, seen.durations(TO), *WORKLOAD), legend, exemplars=True),
                span=THIRD,
            ),
        ],
    )


def _talkers() -> Section:
    edge = "{{source_workload}} to {{destination_workload}}, {{protocol}}"
    rate, failed = (seen.exchanges(TO, *more, kinds=seen.ALL) for more in ((), (FAILED,)))
    return Section(
        "Top talkers",
        [
            bars(
                "Busiest pairs",
                "Who asks whom most. An unexpected first: a loop, a missing cache or a retry storm.",
                units.RequestsPerSecond,
                promql.top(10, promql.total(rate, *EDGE, "protocol")),
                edge,
            ),
            bars(
                "Failing pairs",
                "Who gets most errors from whom, in errors per second. It names the caller to ask first.",
                units.RequestsPerSecond,
                promql.top(10, f"{promql.total(failed, *EDGE, 'protocol')} > 0"),
                edge,
            ),
        ],
    )
