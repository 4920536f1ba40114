"""The families of the views that a configuration chooses: Hubble, go-grpc-prometheus, service graph."""

from grafana_foundation_sdk.models import units

import style
import variables
from board import Board, Section
from panels import QUARTER, THIRD, Line, spread, trend
from promql import QUANTILES, heat, of_agents, per, quantile, rate, share, told, total

NO_HUBBLE = "metrics.views has no hubble"
NO_GRPC = "metrics.views has no go-grpc-prometheus"
NO_GRAPH = "metrics.views has no service-graph"


def board() -> Board:
    """The board of views."""
    return Board(
        name="views",
        title="Views",
        description="The same numbers under the names of Hubble, go-grpc-prometheus and service graphs, where "
        "metrics.views asks for them. For those who move from there: their own dashboards work on these families, "
        "too.",
        variables=[variables.datasource(), variables.traces(hidden=True), *variables.agents()],
        sections=[
            _hubble_http(),
            _hubble_flows(),
            _hubble_others(),
            _grpc_servers(),
            _grpc_clients(),
            _service_graph(),
        ],
    )


def _rate(name: str, *matchers: str) -> str:
    """Of agents alone: Cilium, servers of gRPC and Tempo have families of these names, too."""
    return of_agents(rate(name, *matchers))


def _hubble_http() -> Section:
    requests = _rate("hubble_http_requests_total")
    status = told(requests, "status")
    answers = told(_rate("hubble_http_responses_total"), "status")
    buckets = _rate("hubble_http_request_duration_seconds_bucket")
    return Section(
        "Hubble: HTTP",
        [
            trend(
                "Requests",
                "Requests per second by reporter; both sides of one request count once each, so do not add them up. "
                "With httpV2 only those that were answered.",
                units.RequestsPerSecond,
                Line(total(requests, "reporter"), "{{reporter}}"),
                span=QUARTER,
                empty=NO_HUBBLE,
            ),
            trend(
                "By status",
                "Requests per second by status, with httpV2; with http, where requests have none, answers by theirs. "
                "See the board of HTTP for what to do.",
                units.RequestsPerSecond,
                Line(f"{total(status, 'status', 'reporter')}", "{{status}}, {{reporter}}"),
                Line(f"{total(answers, 'status', 'reporter')}", "answer {{status}}, {{reporter}}"),
                span=QUARTER,
                empty=NO_HUBBLE,
            ),
            trend(
                "Percentiles",
                "Duration as Hubble tells it. See the board of HTTP for what to do when it rises.",
                units.Seconds,
                *(Line(quantile(of, buckets), name, exemplars=True) for of, name in QUANTILES),
                colors=style.PERCENTILE_COLORS,
                span=QUARTER,
                empty=NO_HUBBLE,
            ),
            spread(
                "Distribution",
                "How many requests took how long, of both reporters. A band that moves up is a server that slows "
                "down: see the board of HTTP.",
                units.Seconds,
                heat(buckets),
                span=QUARTER,
                empty=NO_HUBBLE,
            ),
        ],
    )


def _hubble_flows() -> Section:
    return Section(
        "Hubble: flows and TCP",
        [
            trend(
                "Flows",
                "Requests and answers per second, each a flow to Hubble, by protocol and verdict. Halved: requests "
                "are no longer answered.",
                units.EventsPerSecond,
                Line(total(_rate("hubble_flows_processed_total"), "subtype", "verdict"), "{{subtype}}, {{verdict}}"),
                stacked=True,
                empty=NO_HUBBLE,
            ),
            trend(
                "TCP flags",
                "Flags per second of connections that are over. SYN well above SYN-ACK: servers that cannot be "
                "reached; many RST: peers that cut off.",
                units.EventsPerSecond,
                Line(total(_rate("hubble_tcp_flags_total"), "flag", "family"), "{{flag}}, {{family}}"),
                empty="metrics.hubble has no tcp",
            ),
        ],
    )


def _hubble_others() -> Section:
    kafka = _rate("hubble_kafka_requests_total")
    buckets = _rate("hubble_kafka_request_duration_seconds_bucket")
    queries, answers = (_rate(f"hubble_dns_{what}_total") for what in ("queries", "responses"))
    types = _rate("hubble_dns_response_types_total")
    return Section(
        "Hubble: Kafka and DNS",
        [
            trend(
                "Kafka requests",
                "Requests per second by API and error code, a number here: 0 is none. See the board of Kafka.",
                units.RequestsPerSecond,
                Line(total(kafka, "api_key", "error_code"), "{{api_key}} {{error_code}}"),
                span=THIRD,
                empty="metrics.hubble has no kafka, or none is seen",
            ),
            trend(
                "Kafka durations",
                "95th percentile by API; a Fetch waits for records. See what is the broker's on the board of Kafka.",
                units.Seconds,
                Line(quantile(0.95, buckets, "api_key"), "{{api_key}}"),
                span=THIRD,
                empty="metrics.hubble has no kafka, or none is seen",
            ),
            trend(
                "DNS",
                "Questions per second, and answers by code. Fewer answers than questions: see unanswered ones on the "
                "board of DNS.",
                units.RequestsPerSecond,
                Line(total(queries), "questions"),
                Line(total(answers, "rcode"), "{{rcode}}"),
                Line(total(types, "type"), "records {{type}}"),
                span=THIRD,
                empty="metrics.hubble has no dns, or none is seen",
            ),
        ],
    )


def _grpc(side: str, title: str) -> Section:
    started, handled, received, sent = (
        _rate(f"grpc_{side}_{what}_total") for what in ("started", "handled", "msg_received", "msg_sent")
    )
    failed = _rate(f"grpc_{side}_handled_total", 'grpc_code!~"OK|"')
    buckets = _rate(f"grpc_{side}_handling_seconds_bucket")
    method = "{{grpc_service}}/{{grpc_method}}"
    by = ("grpc_service", "grpc_method")
    return Section(
        title,
        [
            trend(
                "Calls by code",
                "Calls per second that are over, by code, and all that started: here a call starts and ends in one, "
                "when it is over.",
                units.RequestsPerSecond,
                Line(total(handled, "grpc_code"), "{{grpc_code}}"),
                Line(total(started), "started"),
                span=QUARTER,
                empty=NO_GRPC,
            ),
            trend(
                "Not OK by method",
                "Share of calls of each method that did not end with OK. See the board of gRPC for what to do.",
                units.PercentUnit,
                Line(share(failed, handled, *by), method),
                limits=style.rising(style.ERROR_SHARE),
                span=QUARTER,
                empty=NO_GRPC,
            ),
            trend(
                "95th percentile by method",
                "Duration of calls of each method, to the end of both streams. See the board of gRPC for what to do.",
                units.Seconds,
                Line(quantile(0.95, buckets, *by), method, exemplars=True),
                span=QUARTER,
                empty=NO_GRPC,
            ),
            trend(
                "Messages for each call",
                "Messages that were received and sent for each call, by type of call. Below 1: calls that failed "
                "before there was a message.",
                units.Short,
                Line(per(received, handled, "grpc_type"), "{{grpc_type}}, received"),
                Line(per(sent, handled, "grpc_type"), "{{grpc_type}}, sent"),
                span=QUARTER,
                empty=NO_GRPC,
            ),
        ],
    )


def _grpc_servers() -> Section:
    return _grpc("server", "go-grpc-prometheus: servers")


def _grpc_clients() -> Section:
    return _grpc("client", "go-grpc-prometheus: clients")


def _service_graph() -> Section:
    requests, failed = (_rate(f"traces_service_graph_request_{what}total") for what in ("", "failed_"))
    served, asked = (_rate(f"traces_service_graph_request_{side}_seconds_bucket") for side in ("server", "client"))
    edge = "{{client}} to {{server}}"
    return Section(
        "Service graph: these families are what Tempo's service graph draws, with this data source of metrics",
        [
            trend(
                "Requests",
                "Requests per second of each edge. Where two agents see both ends of an edge they count twice: the "
                "board with the map counts them once.",
                units.RequestsPerSecond,
                Line(total(requests, "client", "server"), edge),
                span=THIRD,
                empty=NO_GRAPH,
            ),
            trend(
                "Errors",
                "Share of failed requests of each edge. See the map for where they begin.",
                units.PercentUnit,
                Line(share(failed, requests, "client", "server"), edge),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
                empty=NO_GRAPH,
            ),
            trend(
                "95th percentile",
                "Duration as servers' and as clients' sides report it. Clients above servers: the network, or a "
                "queue between them.",
                units.Seconds,
                Line(quantile(0.95, served, "client", "server"), f"{edge}, server", exemplars=True),
                Line(quantile(0.95, asked, "client", "server"), f"{edge}, client", exemplars=True),
                span=THIRD,
                empty=NO_GRAPH,
            ),
        ],
    )
