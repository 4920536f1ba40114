"""DNS: lookups by code, how long they take, and those that nobody answers."""

from grafana_foundation_sdk.models import units

import panels
import promql
import style
import variables
from board import Board, Section
from panels import THIRD, Column, Label, Line, bars, figure, listing, spread, trend
from promql import BY, CALLER, DNS, FAILED, WORKLOAD

EMPTY = "no lookups seen: is there a rule <Egress/53/UDP/DNS>?"
TO = 'destination_namespace=~"$server_namespace",destination_workload=~"$server"'
UNANSWERED = f'{FAILED},dns_response_code=""'

CODE_COLORS = {
    "/^NOERROR$/": style.GOOD,
    "/^NXDOMAIN$/": style.NOTICE,
    "/^(SERVFAIL|REFUSED)$/": style.BAD,
    "/^none$/": style.STRANGE,
    "/^overflow$/": style.SILENT,
}
"""Colours of response codes; `none` is a lookup without an answer, `overflow` are those beyond max_series."""


def board() -> Board:
    """The board of DNS."""
    count = f"{DNS.served}_count"
    return Board(
        name="dns",
        title="DNS",
        description="DNS lookups over UDP and TCP: by code and type, how long they take, and those without an answer.",
        variables=[
            variables.datasource(),
            variables.traces(hidden=True),
            *variables.agents(),
            *variables.servers([count]),
            variables.asking([count], TO),
        ],
        sections=[_now(), _lookups(), _durations(), _who(), _names()],
    )


def _rate(*matchers: str) -> str:
    return DNS.once("_count", TO, BY, *matchers)


def _buckets(*matchers: str) -> str:
    return DNS.once("_bucket", TO, BY, *matchers)


def _now() -> Section:
    return Section(
        "Now",
        [
            figure(
                "Lookups",
                "Lookups per second of the chosen callers, each once. Many more than requests: nobody caches, or "
                "search domains multiply each name (ndots).",
                units.RequestsPerSecond,
                promql.total(_rate()),
                empty="no lookups",
            ),
            figure(
                "Errors",
                "Share of lookups that failed. To a client a name that does not exist is an error, too; see the codes.",
                units.PercentUnit,
                promql.share(_rate(FAILED), _rate()),
                style.rising((0.1, 0.5)),
                empty="no lookups",
            ),
            figure(
                "Servers' failures",
                "Share of lookups that were answered with SERVFAIL or REFUSED: the resolver, or what it asks, is ill.",
                units.PercentUnit,
                promql.share(_rate('dns_response_code=~"SERVFAIL|REFUSED"'), _rate()),
                style.rising(style.ERROR_SHARE),
                empty="no lookups",
            ),
            figure(
                "Unanswered",
                "Share of lookups that nobody answered within ten seconds, or whose server could not be reached. "
                "Clients wait five seconds for each of them: see which server below.",
                units.PercentUnit,
                promql.share(_rate(UNANSWERED), _rate()),
                style.rising(style.ERROR_SHARE),
                empty="no lookups",
            ),
            figure(
                "Median",
                "Half of the lookups take less: from a cache nearby it is below a millisecond or two. More: clients "
                "ask a resolver that is far away.",
                units.Seconds,
                promql.quantile(0.5, _buckets()),
                empty="no lookups",
            ),
            figure(
                "99th percentile",
                "One lookup in a hundred takes longer. About five seconds: lost datagrams that clients ask again for.",
                units.Seconds,
                promql.quantile(0.99, _buckets()),
                empty="no lookups",
            ),
        ],
    )


def _lookups() -> Section:
    return Section(
        "Lookups",
        [
            trend(
                "By response code",
                "Lookups per second by code; none has no answer. NXDOMAIN grows: a wrong name in some configuration, "
                "or search domains; SERVFAIL: the resolver cannot reach the zone's servers.",
                units.RequestsPerSecond,
                Line(
                    promql.total(promql.told(_rate(), "dns_response_code"), "dns_response_code"),
                    "{{dns_response_code}}",
                ),
                stacked=True,
                colors=CODE_COLORS,
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "By type and transport",
                "Lookups per second by what they ask for. Much TCP: answers too large for UDP, or truncated ones.",
                units.RequestsPerSecond,
                Line(
                    promql.total(_rate(), "dns_question_type", "network_transport"),
                    "{{dns_question_type}} {{network_transport}}",
                ),
                stacked=True,
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "Unanswered",
                "Lookups per second without an answer, by server and reason: timeout is a lost datagram or a server "
                "that is silent, connect_failed one that is not there.",
                units.RequestsPerSecond,
                Line(
                    promql.total(_rate(UNANSWERED), "error_type", "destination_workload"),
                    "{{error_type}}, {{destination_workload}}",
                ),
                stacked=True,
                span=THIRD,
                empty="every lookup is answered",
            ),
        ],
    )


def _durations() -> Section:
    answered = 'dns_response_code!=""'
    return Section(
        "Duration",
        [
            trend(
                "Percentiles",
                "How long lookups take that are answered. p50 high: no cache nearby; p99 alone high: names that the "
                "resolver must ask others for.",
                units.Seconds,
                *(Line(promql.quantile(of, _buckets(answered)), name) for of, name in promql.QUANTILES),
                colors=style.PERCENTILE_COLORS,
                span=THIRD,
                empty=EMPTY,
            ),
            spread(
                "Distribution",
                "How many lookups took how long: a low band is answers from a cache, a high one those that the "
                "resolver must ask others for.",
                units.Seconds,
                promql.heat(_buckets(answered)),
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "95th percentile by server",
                "Which resolver is slow. One alone: its load or the way to it; all of them: what they ask, or their "
                "caches are cold.",
                units.Seconds,
                Line(promql.quantile(0.95, _buckets(answered), *WORKLOAD), panels.WORKLOAD_NAME),
                span=THIRD,
                empty=EMPTY,
            ),
        ],
    )


def _who() -> Section:
    by = (*CALLER, *WORKLOAD)
    return Section(
        "Clients and servers",
        [
            listing(
                "By client and server",
                "Who asks whom. Sort by errors or unanswered to find a client with a wrong name or a server that is "
                "gone.",
                [
                    Label("source_namespace", "Namespace"),
                    Label("source_workload", "Client"),
                    Label("destination_namespace", "Server's namespace"),
                    Label("destination_workload", "Server"),
                ],
                [
                    Column("Rate", promql.total(_rate(), *by), units.RequestsPerSecond),
                    Column(
                        "Errors", promql.share(_rate(FAILED), _rate(), *by), units.PercentUnit, style.rising((0.1, 0.5))
                    ),
                    Column(
                        "Unanswered",
                        promql.share(_rate(UNANSWERED), _rate(), *by),
                        units.PercentUnit,
                        style.rising(style.ERROR_SHARE),
                    ),
                    Column("p95", promql.quantile(0.95, _buckets(), *by), units.Seconds),
                ],
                sort="Rate",
                empty=EMPTY,
            )
        ],
    )


def _names() -> Section:
    named = 'dns_question_name!=""'
    missing = 'dns_response_code="NXDOMAIN"'
    empty = "names are no label: set dns_question_labels to see them"
    return Section(
        "Names, where dns_question_labels makes them a label",
        [
            bars(
                "Most asked for",
                "Names by lookups per second. The first ones are worth a cache or a longer time to live. _OTHER are "
                "those beyond max_dns_names.",
                units.RequestsPerSecond,
                promql.top(15, promql.total(_rate(named), "dns_question_name")),
                "{{dns_question_name}}",
                empty=empty,
            ),
            listing(
                "Names that do not exist",
                "Names that were answered with NXDOMAIN, and who asked: correct the name in that client's "
                "configuration.",
                [Label("source_workload", "Client"), Label("dns_question_name", "Name")],
                [
                    Column(
                        "Rate",
                        promql.total(_rate(named, missing), "source_workload", "dns_question_name"),
                        units.RequestsPerSecond,
                    )
                ],
                sort="Rate",
                span=12,
                empty=empty,
            ),
        ],
    )
