"""gRPC, as servers and as clients see it."""

from grafana_foundation_sdk.models import units

import links
import promql
import style
import variables
from board import Board, Section
from panels import THIRD, Column, Label, Line, figure, listing, spread, trend
from promql import BY, FAILED, GRPC, TO, WORKLOAD

METHOD = 'rpc_method=~"$method"'
FIRST_MESSAGE = "flowfold_rpc_time_to_first_message_seconds"
MESSAGES = "flowfold_rpc_messages_total"
MESSAGE_BYTES = "flowfold_rpc_message_bytes_total"
UP, DOWN = 'side="client_to_server"', 'side="server_to_client"'

CODE_COLORS = {
    "/^OK$/": style.GOOD,
    "/^(CANCELLED|NOT_FOUND|ALREADY_EXISTS|INVALID_ARGUMENT|OUT_OF_RANGE)$/": style.NOTICE,
    "/^(UNAUTHENTICATED|PERMISSION_DENIED|FAILED_PRECONDITION|RESOURCE_EXHAUSTED|ABORTED)$/": style.WARN,
    "/^overflow$/": style.SILENT,
    "/^(UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS)$/": style.BAD,
}
"""Colours of codes: red are those that the conventions hold the server to account for."""


def board() -> Board:
    """The board of gRPC."""
    count, asked = f"{GRPC.served}_count", f"{GRPC.asked}_count"
    return Board(
        name="grpc",
        title="gRPC",
        description="gRPC and gRPC-Web calls: by method and code, their messages each way, and how long they take.",
        variables=[
            variables.datasource(),
            variables.traces(),
            *variables.agents(),
            *variables.asked([count, asked]),
            variables.asking([count, asked], TO),
            variables.chosen(
                "method",
                "Method",
                f"label_values({variables.of([count, asked], TO, BY)}, rpc_method)",
                "Methods, with package and service. _OTHER are those that no server has answered, and those beyond "
                "max_rpc_methods.",
            ),
        ],
        sections=[_now(), _served(), _durations(), _methods(), _messages(), _asked()],
    )


def _rate(*matchers: str) -> str:
    return promql.rate(f"{GRPC.served}_count", TO, BY, METHOD, *matchers)


def _buckets() -> str:
    return promql.rate(f"{GRPC.served}_bucket", TO, BY, METHOD)


def _now() -> Section:
    return Section(
        "Served, as the server's side reports",
        [
            figure(
                "Calls",
                "Calls per second that ended. A call counts when it is over: streams that stay open are not in it. "
                "Nothing, but the overview shows calls: only clients' sides are seen, see the last section.",
                units.RequestsPerSecond,
                promql.total(_rate()),
            ),
            figure(
                "Errors",
                "Share of calls with a code that the server is to blame for: UNKNOWN, DEADLINE_EXCEEDED, "
                "UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. Open the panel of codes, then the methods.",
                units.PercentUnit,
                promql.share(_rate(FAILED), _rate()),
                style.rising(style.ERROR_SHARE),
            ),
            figure(
                "Not OK",
                "Share of calls that did not end with OK, whoever is to blame. Much more than the errors: clients "
                "ask for what is not there, or give up.",
                units.PercentUnit,
                promql.share(_rate('rpc_response_status_code!~"OK|"'), _rate()),
                style.rising((0.05, 0.2)),
            ),
            figure(
                "95th percentile",
                "Duration that 95 of 100 calls stay below, to the end of both streams: streams that are meant to "
                "last raise it.",
                units.Seconds,
                promql.quantile(0.95, _buckets()),
            ),
            figure(
                "Messages",
                "Messages per second, both ways, of calls that ended. It falls while calls go on: streams end early, "
                "see their codes.",
                units.MessagesPerSecond,
                promql.total(promql.rate(MESSAGES, promql.SERVED_BY, TO, METHOD)),
            ),
            figure(
                "Bytes",
                "Bytes of messages per second, both ways, compressed as on the wire. A jump without more calls is "
                "larger messages.",
                units.BytesPerSecondIEC,
                promql.total(promql.rate(MESSAGE_BYTES, promql.SERVED_BY, TO, METHOD)),
            ),
        ],
    )


def _served() -> Section:
    code = promql.told(_rate(), "rpc_response_status_code")
    return Section(
        "Rate and errors",
        [
            trend(
                "By code",
                "Calls per second by how they ended for their client. UNAVAILABLE: no server or a reset; "
                "DEADLINE_EXCEEDED: too slow for the time the client named; CANCELLED: the client gave up; "
                "RESOURCE_EXHAUSTED: a limit.",
                units.RequestsPerSecond,
                Line(promql.total(code, "rpc_response_status_code"), "{{rpc_response_status_code}}"),
                stacked=True,
                colors=CODE_COLORS,
                span=THIRD,
            ),
            trend(
                "Errors by method",
                "Share of calls of each method that failed by the server's fault. Several methods of one service at "
                "once: the service; one method alone: what it asks of others.",
                units.PercentUnit,
                Line(promql.share(_rate(FAILED), _rate(), "rpc_method"), "{{rpc_method}}"),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
            ),
            trend(
                "Error types",
                "Failed calls per second by error_type: a code, or how the exchange broke. The latter are resets and "
                "lost connections: see the server's restarts.",
                units.RequestsPerSecond,
                Line(promql.total(_rate(FAILED), "error_type"), "{{error_type}}"),
                stacked=True,
                span=THIRD,
                empty="no errors",
            ),
        ],
    )


def _durations() -> Section:
    first = promql.rate(f"{FIRST_MESSAGE}_bucket", promql.SERVED_BY, TO)
    return Section(
        "Duration",
        [
            trend(
                "Percentiles",
                "Duration from the first byte of the request to the end of both streams. Points are exemplars that "
                "lead to traces: open one of the slow ones.",
                units.Seconds,
                *(Line(promql.quantile(of, _buckets()), name, exemplars=True) for of, name in promql.QUANTILES),
                colors=style.PERCENTILE_COLORS,
            ),
            spread(
                "Distribution",
                "How many calls took how long. A band at a round number, such as 1 s, is a deadline that calls run "
                "into.",
                units.Seconds,
                promql.heat(_buckets()),
            ),
            trend(
                "To the first message, and in all",
                "p95 of the time to the first response message beside that of the whole call. A wide gap is a "
                "stream. A call without any message has no first one: errors are only in the whole.",
                units.Seconds,
                Line(promql.quantile(0.95, first), "first message, p95", exemplars=True),
                Line(promql.quantile(0.95, promql.rate(f"{GRPC.served}_bucket", TO)), "in all, p95"),
            ),
            trend(
                "95th percentile by method",
                "Which method is slow. Choose it above to see its distribution, and whether its first message is late as well.",
                units.Seconds,
                Line(promql.quantile(0.95, _buckets(), "rpc_method"), "{{rpc_method}}", exemplars=True),
            ),
        ],
    )


def _methods() -> Section:
    by = (*WORKLOAD, "rpc_method")
    coded = (*by, "rpc_response_status_code")
    workload = [
        Label("destination_namespace", "Namespace"),
        Label("destination_workload", "Workload", [links.to_traces()]),
    ]
    return Section(
        "Methods",
        [
            listing(
                "By method",
                "Methods by traffic. Sort by errors or p99 to find the one to look at.",
                [*workload, Label("rpc_method", "Method")],
                [
                    Column("Rate", promql.total(_rate(), *by), units.RequestsPerSecond),
                    Column(
                        "Errors",
                        promql.share(_rate(FAILED), _rate(), *by),
                        units.PercentUnit,
                        style.rising(style.ERROR_SHARE),
                    ),
                    *(
                        Column(name, promql.quantile(of, _buckets(), *by), units.Seconds)
                        for of, name in promql.QUANTILES
                    ),
                ],
                sort="Rate",
            ),
            listing(
                "By method and code",
                "Calls that did not end with OK, by method and code: the first row is what to look for in the "
                "server's log.",
                [*workload, Label("rpc_method", "Method"), Label("rpc_response_status_code", "Code")],
                [
                    Column(
                        "Rate", promql.total(_rate('rpc_response_status_code!~"OK|"'), *coded), units.RequestsPerSecond
                    )
                ],
                sort="Rate",
                empty="every call is OK",
            ),
        ],
    )


def _messages() -> Section:
    calls = promql.rate(f"{GRPC.served}_count", TO, METHOD)  # messages do not tell who called
    both = {"up": UP, "down": DOWN}
    messages, sizes = (
        {side: promql.rate(family, promql.SERVED_BY, TO, METHOD, matcher) for side, matcher in both.items()}
        for family in (MESSAGES, MESSAGE_BYTES)
    )
    return Section(
        "Streams and messages, of all callers",
        [
            trend(
                "Messages",
                "Messages per second each way, of calls that ended: those of a stream come at once when it closes. "
                "For streams that stay open for hours see the agent's open connections instead.",
                units.MessagesPerSecond,
                Line(promql.total(messages["up"]), "client to server"),
                Line(promql.total(messages["down"]), "server to client"),
                span=THIRD,
            ),
            trend(
                "Messages for each call",
                "1 is a unary call; more is a stream; less, calls that failed before there was one. A stream that "
                "becomes shorter is cut off: see its codes.",
                units.Short,
                Line(promql.per(messages["up"], calls, "rpc_method"), "{{rpc_method}}, to the server"),
                Line(promql.per(messages["down"], calls, "rpc_method"), "{{rpc_method}}, to the client"),
                span=THIRD,
            ),
            trend(
                "Size of messages",
                "Mean bytes of a message, compressed as on the wire. Above some megabytes servers refuse: "
                "RESOURCE_EXHAUSTED.",
                units.BytesIEC,
                Line(promql.per(sizes["up"], messages["up"], "rpc_method"), "{{rpc_method}}, to the server"),
                Line(promql.per(sizes["down"], messages["down"], "rpc_method"), "{{rpc_method}}, to the client"),
                span=THIRD,
            ),
        ],
    )


def _asked() -> Section:
    rate, failed = (promql.rate(f"{GRPC.asked}_count", TO, BY, METHOD, *more) for more in ((), (FAILED,)))
    buckets = promql.rate(f"{GRPC.asked}_bucket", TO, BY, METHOD)
    pair = "{{source_workload}} to {{destination_workload}}: {{rpc_method}}"
    by = ("source_workload", *WORKLOAD, "rpc_method")
    return Section(
        "As the client's side reports",
        [
            trend(
                "Calls by caller",
                "Calls per second of each caller. Choose a caller above to see what it depends on. It needs a rule "
                "<Egress/PORT/TCP/GRPC>.",
                units.RequestsPerSecond,
                Line(promql.total(rate, *by), pair),
                span=THIRD,
            ),
            trend(
                "Errors by caller",
                "Share of calls that did not end with OK: to a client every other code is an error. More than the "
                "server's side reports are calls that never reached it.",
                units.PercentUnit,
                Line(promql.share(failed, rate, *by), pair),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
            ),
            trend(
                "95th percentile by caller",
                "What callers wait for. More than the server's side reports is the network, or a queue in front of it.",
                units.Seconds,
                Line(promql.quantile(0.95, buckets, *by), pair, exemplars=True),
                span=THIRD,
            ),
        ],
    )
