"""HTTP, as servers and as clients see it."""

from grafana_foundation_sdk.models import units

import links
import panels
import promql
import style
import variables
from board import Board, Section
from panels import THIRD, AnyPanel, Column, Label, Line, figure, listing, spread, trend
from promql import BY, CALLER, FAILED, HTTP, TO, WORKLOAD, select

ROUTE = 'http_route=~"$route"'
FIRST_BYTE = "flowfold_http_time_to_first_byte_seconds"
LEARNED = 'destination_name!=""'

STATUS_COLORS = {
    "/^1/": style.CALM,
    "/^2/": style.GOOD,
    "/^3/": style.CALM,
    "/^4/": style.WARN,
    "/^5/": style.BAD,
    "/^none$/": style.STRANGE,
    "/^overflow$/": style.SILENT,
}
"""Colours of status codes; `none` is a request without an answer, `overflow` are those beyond max_series."""


def board() -> Board:
    """The board of HTTP."""
    count, asked = f"{HTTP.served}_count", f"{HTTP.asked}_count"
    return Board(
        name="http",
        title="HTTP",
        description="HTTP/1.0, HTTP/1.1 and HTTP/2 requests: as servers and as clients report them.",
        variables=[
            variables.datasource(),
            variables.traces(),
            *variables.agents(),
            *variables.asked([count, asked]),
            variables.asking([count, asked], TO),
            variables.chosen(
                "route",
                "Route",
                f"label_values({select(count, TO, BY)}, http_route)",
                "Route templates of the configuration. Requests that match none are in All alone.",
            ),
        ],
        sections=[_now(), _served(), _durations(), _routes(), _kinds(), _asked()],
    )


def _served_rate(*matchers: str) -> str:
    return promql.rate(f"{HTTP.served}_count", TO, BY, ROUTE, *matchers)


def _served_buckets() -> str:
    return promql.rate(f"{HTTP.served}_bucket", TO, BY, ROUTE)


def _now() -> Section:
    answered_badly = 'http_response_status_code=~"5.."'
    unanswered = f'{FAILED},http_response_status_code=""'
    refused = 'http_response_status_code=~"4.."'
    return Section(
        "Served, as the server's side reports",
        [
            figure(
                "Requests",
                "Requests per second to the chosen workloads. Nothing, but the overview shows traffic: only clients' "
                "sides are seen here, see the last section, or add a rule <Ingress/PORT/TCP/HTTP>.",
                units.RequestsPerSecond,
                promql.total(_served_rate()),
            ),
            figure(
                "Errors",
                "Share of requests that have an error_type: 5xx, and no answer. Open the panel of statuses, then the "
                "routes.",
                units.PercentUnit,
                promql.share(_served_rate(FAILED), _served_rate()),
                style.rising(style.ERROR_SHARE),
            ),
            figure(
                "5xx",
                "Share of requests that the server answered with 5xx: look into its log, or follow an exemplar below "
                "to a trace.",
                units.PercentUnit,
                promql.share(_served_rate(answered_badly), _served_rate()),
                style.rising(style.ERROR_SHARE),
            ),
            figure(
                "4xx",
                "Share of requests that the server refused: no error of the server, but a client that asks for what "
                "is not there or may not. A rise after a deployment is often a broken link or token.",
                units.PercentUnit,
                promql.share(_served_rate(refused), _served_rate()),
                style.rising((0.05, 0.2)),
            ),
            figure(
                "No answer",
                "Share of requests without an answer: the server died or reset, or the client gave up. The panel of "
                "error types says which.",
                units.PercentUnit,
                promql.share(_served_rate(unanswered), _served_rate()),
                style.rising(style.ERROR_SHARE),
            ),
            figure(
                "95th percentile",
                "Duration that 95 of 100 requests stay below. When it rises with the time to first byte, the server "
                "thinks longer; when it rises alone, bodies are larger or the client reads slowly.",
                units.Seconds,
                promql.quantile(0.95, _served_buckets()),
            ),
        ],
    )


def _served() -> Section:
    status = promql.told(_served_rate(), "http_response_status_code")
    workload = panels.WORKLOAD_NAME
    return Section(
        "Rate and errors",
        [
            trend(
                "By status",
                "Requests per second by status code; none is a request without an answer. A band that grows while "
                "the sum stays is a change in the service, one that grows on top is new traffic.",
                units.RequestsPerSecond,
                Line(promql.total(status, "http_response_status_code"), "{{http_response_status_code}}"),
                stacked=True,
                colors=STATUS_COLORS,
                span=THIRD,
            ),
            trend(
                "Errors by workload",
                "Share of failed requests. When one rises: choose it above and look at its routes below.",
                units.PercentUnit,
                Line(promql.share(_served_rate(FAILED), _served_rate(), *WORKLOAD), workload),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
            ),
            trend(
                "Error types",
                "Failed requests per second by error_type: a status code, or how the exchange broke. Resets of "
                "clients are impatience or a timeout in front; those of servers are crashes or limits.",
                units.RequestsPerSecond,
                Line(promql.total(_served_rate(FAILED), "error_type"), "{{error_type}}"),
                stacked=True,
                span=THIRD,
                empty="no errors",
            ),
        ],
    )


def _durations() -> Section:
    first = promql.rate(f"{FIRST_BYTE}_bucket", promql.SERVED_BY, TO)
    workload = panels.WORKLOAD_NAME
    return Section(
        "Duration",
        [
            trend(
                "Percentiles",
                "Duration from the first byte of the request to the last of the answer. Points are exemplars that "
                "lead to traces. p99 far above p95: few slow requests, find their route below.",
                units.Seconds,
                *(Line(promql.quantile(of, _served_buckets()), name, exemplars=True) for of, name in promql.QUANTILES),
                colors=style.PERCENTILE_COLORS,
            ),
            spread(
                "Distribution",
                "How many requests took how long. Two bands are two kinds of requests, such as hits and misses of a "
                "cache; a band that moves up is a server that slows down.",
                units.Seconds,
                promql.heat(_served_buckets()),
            ),
            trend(
                "To the first byte, and in all",
                "p95 of the time to the answer's first byte beside that of the whole duration. The gap is the body: "
                "large answers, slow readers, streams. Without a gap the server's own work is what takes time.",
                units.Seconds,
                Line(promql.quantile(0.95, first), "first byte, p95", exemplars=True),
                Line(promql.quantile(0.95, promql.rate(f"{HTTP.served}_bucket", TO)), "in all, p95"),
            ),
            spread(
                "Time to first byte",
                "How long servers take to begin their answers. It has no route: choose a workload to narrow it.",
                units.Seconds,
                promql.heat(first),
            ),
            trend(
                "95th percentile by workload",
                "Whose requests are slow. Compare with the workloads that these ask: the slowest one at the end of "
                "the chain is the cause.",
                units.Seconds,
                Line(promql.quantile(0.95, _served_buckets(), *WORKLOAD), workload, exemplars=True),
                span=24,
            ),
        ],
    )


def _routes() -> Section:
    by = (*WORKLOAD, "http_request_method", "route")
    labels = [
        Label("destination_namespace", "Namespace"),
        Label("destination_workload", "Workload", [links.to_traces()]),
        Label("http_request_method", "Method"),
        Label("route", "Route"),
    ]
    rate, failed, buckets = (_routed(series) for series in (_served_rate(), _served_rate(FAILED), _served_buckets()))
    return Section(
        "Routes",
        [
            listing(
                "By route",
                "Routes by traffic: templates of the configuration, else patterns that were learned "
                "(max_url_templates), else none. `flowfold routes suggest` prints templates for what has none. Sort "
                "by errors or p99 to find the culprit.",
                labels,
                [
                    Column("Rate", promql.total(rate, *by), units.RequestsPerSecond),
                    Column(
                        "Errors", promql.share(failed, rate, *by), units.PercentUnit, style.rising(style.ERROR_SHARE)
                    ),
                    *(Column(name, promql.quantile(of, buckets, *by), units.Seconds) for of, name in promql.QUANTILES),
                ],
                sort="Rate",
            )
        ],
    )


def _routed(series: str) -> str:
    """Series with the label `route`: the template, else the learned pattern, else `none`."""
    learned = f'label_replace({series}, "route", "$1", "url_template", "(.+)")'
    return promql.told(f'label_replace({learned}, "route", "$1", "http_route", "(.+)")', "route")


def _kinds() -> Section:
    version = promql.told(_served_rate(), "network_protocol_version", "unknown")
    return Section(
        "Kinds of requests",
        [
            _kind(
                "By version",
                "Requests per second by version of HTTP. A client that falls back to 1.1 after a deployment lost its "
                "HTTP/2.",
                promql.total(version, "network_protocol_version"),
                "HTTP/{{network_protocol_version}}",
            ),
            _kind(
                "By method",
                "Requests per second by method; _OTHER is one that no specification knows, and worth a look at who "
                "sends it.",
                promql.total(_served_rate(), "http_request_method"),
                "{{http_request_method}}",
            ),
            _kind(
                "By port and scheme",
                "Requests per second by the port that clients asked for. One that is not expected is a rule too "
                "wide, or a forgotten listener.",
                promql.total(_served_rate(), "url_scheme", "server_port"),
                "{{url_scheme}} {{server_port}}",
            ),
        ],
    )


def _kind(title: str, description: str, expr: str, legend: str) -> AnyPanel:
    return trend(title, description, units.RequestsPerSecond, Line(expr, legend), stacked=True, span=THIRD)


def _asked() -> Section:
    rate, failed = (promql.rate(f"{HTTP.asked}_count", TO, BY, *more) for more in ((), (FAILED,)))
    buckets = promql.rate(f"{HTTP.asked}_bucket", TO, BY)
    first = promql.rate(f"{FIRST_BYTE}_bucket", promql.ASKED_BY, TO)
    pair = "{{source_workload}} to {{destination_workload}}"
    by = (*CALLER, *WORKLOAD)
    status = promql.told(rate, "http_response_status_code")
    return Section(
        "As the client's side reports",
        [
            trend(
                "Requests by caller",
                "Requests per second of each caller to each workload. Choose a caller above to see what it depends "
                "on. It needs a rule <Egress/PORT/TCP/HTTP>.",
                units.RequestsPerSecond,
                Line(promql.total(rate, *by), pair),
                span=THIRD,
            ),
            trend(
                "Errors by caller",
                "Share of requests that failed for the client: 4xx and 5xx, and no answer. Compare with what the "
                "server's side says: errors that only clients see are lost between the two.",
                units.PercentUnit,
                Line(promql.share(failed, rate, *by), pair),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
            ),
            trend(
                "By status",
                "Answers that callers get. Many 429 or 503: the other side sheds load, see whether retries add to it.",
                units.RequestsPerSecond,
                Line(promql.total(status, "http_response_status_code"), "{{http_response_status_code}}"),
                stacked=True,
                colors=STATUS_COLORS,
                span=THIRD,
            ),
            trend(
                "95th percentile by caller",
                "What callers wait for. More than the server's side reports of the same requests is the network, or "
                "a queue in front of it.",
                units.Seconds,
                Line(promql.quantile(0.95, buckets, *by), pair, exemplars=True),
            ),
            trend(
                "Time to first byte by destination",
                "p95 as all clients see it (this family does not tell who asks). High for one destination alone: it "
                "is that server; high for all: it is the way there.",
                units.Seconds,
                Line(
                    promql.quantile(0.95, first, *WORKLOAD),
                    panels.WORKLOAD_NAME,
                    exemplars=True,
                ),
            ),
            _learned(),
        ],
    )


def _learned() -> AnyPanel:
    """Servers that are no workload, by the name that led their callers there."""
    by = (*CALLER, "destination_name")
    rate, failed, buckets = (
        promql.rate(f"{HTTP.asked}_{suffix}", TO, BY, LEARNED, *more)
        for suffix, more in (("count", ()), ("count", (FAILED,)), ("bucket", ()))
    )
    return listing(
        "Asked, by learned name",
        "Servers that no workload is known of, by the name that their caller looked up: max_destination_names switches "
        "it on, beside a rule <Egress/53/UDP/DNS>. One that fails or slows down for all its callers is to be taken up "
        "with whoever runs it; for one caller alone, look at that caller. _OTHER: raise max_destination_names.",
        [
            Label("source_namespace", "Namespace"),
            Label("source_workload", "Caller", [links.to_traces("source")]),
            Label("destination_name", "Name"),
        ],
        [
            Column("Rate", promql.total(rate, *by), units.RequestsPerSecond),
            Column("Errors", promql.share(failed, rate, *by), units.PercentUnit, style.rising(style.ERROR_SHARE)),
            Column("p95", promql.quantile(0.95, buckets, *by), units.Seconds),
        ],
        sort="Rate",
        empty="no names learned: see max_destination_names",
    )
