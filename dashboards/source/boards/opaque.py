"""What Flowfold relays but does not read, and what it does not see at all."""

from grafana_foundation_sdk.models import units

import style
import variables
from board import Board, Section
from panels import THIRD, Line, figure, trend
from promql import rate, select, share, total

BYTES = "flowfold_bytes_total"
CONNECTIONS = "flowfold_connections_total"
NOT_OBSERVED = "flowfold_connections_not_observed_total"
STEERED = "flowfold_steered_connections_total"
OPENED = "flowfold_connections_opened_total"
REFUSED = "flowfold_connections_refused_total"
UNREAD = "flowfold_datagrams_unread_total"
EXCHANGES = "flowfold_exchanges_total"
OPAQUE, UNPARSED = 'class="opaque"', 'class="unparsed"'

CLASS_COLORS = {"/parsed/": style.GOOD, "/body/": style.CALM, "/opaque/": style.SILENT, "/unparsed/": style.BAD}


def board() -> Board:
    """The board of opaque and unparsed traffic."""
    return Board(
        name="opaque",
        title="Opaque and unparsed traffic",
        description="Every relayed byte is in one class. This board shows those that are not read, why, and the "
        "connections that went past the agent.",
        variables=[variables.datasource(), variables.traces(hidden=True), *variables.agents()],
        sections=[_now(), _bytes(), _connections(), _past(), _exchanges()],
    )


def _now() -> Section:
    return Section(
        "Now",
        [
            figure(
                "Relayed",
                "Bytes per second that agents relay, both ways. It falls to nothing while services are busy: "
                "connections go past the agent, see below.",
                units.BytesPerSecondIEC,
                total(rate(BYTES)),
            ),
            figure(
                "Opaque",
                "Share of bytes that are not read by design: TLS, tunnels, unknown protocols. High: name plaintext "
                "ports instead, such as those behind the TLS terminator, or leave these ports out of the rules.",
                units.PercentUnit,
                share(rate(BYTES, OPAQUE), rate(BYTES)),
            ),
            figure(
                "Unparsed",
                "Share of bytes whose reading was given up. It should be 0: see the reasons below, and report "
                "malformed_ ones of peers that are in order.",
                units.PercentUnit,
                share(rate(BYTES, UNPARSED), rate(BYTES)),
                style.rising(style.UNPARSED_SHARE),
            ),
            figure(
                "Open connections",
                "Connections that agents relay now. Near max_connections new ones go direct: see below.",
                units.Short,
                total(select("flowfold_open_connections")),
            ),
            figure(
                "Not observed",
                "Connections per second to named ports that went direct, unseen. Traffic is unharmed, but not in the "
                "numbers: reasons are below.",
                units.CountsPerSecond,
                total(rate(NOT_OBSERVED)),
                style.none_is_good(),
            ),
            figure(
                "Refused",
                "Connections per second that the agent accepted and reset without relaying. Any at all harms users: "
                "see the reasons below.",
                units.CountsPerSecond,
                total(rate(REFUSED)),
                style.none_is_good(),
            ),
        ],
    )


def _bytes() -> Section:
    return Section(
        "Bytes",
        [
            trend(
                "By class",
                "Bytes per second: parsed are heads, framing and trailers; body is counted, not read; opaque is not "
                "read; unparsed was given up.",
                units.BytesPerSecondIEC,
                Line(total(rate(BYTES), "class"), "{{class}}"),
                stacked=True,
                colors=CLASS_COLORS,
                span=THIRD,
            ),
            trend(
                "By direction",
                "Bytes per second each way. Much towards servers are uploads; little back is often errors without a "
                "body.",
                units.BytesPerSecondIEC,
                Line(total(rate(BYTES), "side"), "{{side}}"),
                span=THIRD,
            ),
            trend(
                "Unparsed by reason",
                "Bytes per second of connections whose reading was given up, by reason. too_many_in_flight and "
                "header_table_too_large are limits that hold memory down; malformed_ is a peer that breaks the "
                "protocol, or a port that speaks another one; decoder_fault is a fault of ours: please report it.",
                units.BytesPerSecondIEC,
                Line(total(rate(BYTES, UNPARSED), "reason"), "{{reason}}"),
                stacked=True,
                span=THIRD,
                empty="all is parsed",
            ),
        ],
    )


def _connections() -> Section:
    ended = rate(CONNECTIONS)
    return Section(
        "Connections",
        [
            trend(
                "By protocol",
                "Connections per second that ended, by what they spoke: tls and opaque are not read, unknown said "
                "nothing that could be told.",
                units.CountsPerSecond,
                Line(total(ended, "protocol"), "{{protocol}}"),
                stacked=True,
                span=THIRD,
                empty="none ended",
            ),
            trend(
                "By outcome",
                "Connections per second by how they ended. connect_failed: the server is down or refuses; "
                "server_reset: it crashed or cut off; drain_timeout: the agent was stopped while they were busy; "
                "agent_error: our fault, see the log.",
                units.CountsPerSecond,
                Line(total(ended, "outcome"), "{{outcome}}"),
                stacked=True,
                span=THIRD,
                empty="none ended",
            ),
            trend(
                "Open",
                "Connections that are relayed now, by direction. A steady rise is a leak in a client's pool.",
                units.Short,
                Line(total(select("flowfold_open_connections"), "direction"), "{{direction}}"),
                stacked=True,
                span=THIRD,
            ),
        ],
    )


def _past() -> Section:
    return Section(
        "Steered, and past the agent",
        [
            trend(
                "Steered and accepted",
                "Connections per second that programs steered, and that agents accepted. Steered without accepted: "
                "the agent's queue is full, or it stopped. Repeated segments of ingress ones count again.",
                units.CountsPerSecond,
                Line(total(rate(STEERED), "direction"), "steered, {{direction}}"),
                Line(total(rate(OPENED), "direction"), "accepted, {{direction}}"),
                span=THIRD,
            ),
            trend(
                "Not observed, by reason",
                "Connections per second to named ports that went direct. older_than_agent passes as they close; "
                "paused: near max_connections or the limit of descriptors, raise them; stale_heartbeat: the agent "
                "hangs; map_full: too many at once; the other reasons are of the connections themselves, see the "
                "limits in the README.",
                units.CountsPerSecond,
                Line(total(rate(NOT_OBSERVED), "reason"), "{{reason}}"),
                stacked=True,
                span=THIRD,
                empty="all are observed",
            ),
            trend(
                "Refused or unread, by reason",
                "Connections per second that were reset without being relayed. loop: it was going to the agent's own "
                "listener; no_destination: it came there without having been steered. Datagrams that passed by "
                "unread, as the agent was too slow or followed too many, are shown beside them.",
                units.CountsPerSecond,
                Line(total(rate(REFUSED), "reason"), "{{reason}}"),
                Line(total(rate(UNREAD), "side"), "datagrams unread, {{side}}"),
                stacked=True,
                span=THIRD,
                empty="none was refused or unread",
            ),
        ],
    )


def _exchanges() -> Section:
    return Section(
        "Exchanges",
        [
            trend(
                "By outcome",
                "Exchanges per second that were read, of all protocols: answered, failed, or unfinished when their "
                "connection ended or was no longer read.",
                units.RequestsPerSecond,
                Line(total(rate(EXCHANGES), "outcome"), "{{outcome}}"),
                stacked=True,
                colors={"/answered/": style.GOOD, "/failed/": style.BAD, "/unfinished/": style.WARN},
            ),
            trend(
                "By direction",
                "Exchanges per second by the rules that steered them; both is seen from both sides in one hop. A "
                "direction that is missing has no rule, or a wrong port.",
                units.RequestsPerSecond,
                Line(total(rate(EXCHANGES), "direction"), "{{direction}}"),
                stacked=True,
            ),
        ],
    )
