"""Kafka: requests, topics, lag, throttling, and what brokers take."""

from grafana_foundation_sdk.models import units

import promql
import style
import variables
from board import Board, Section
from boards import kafka_clients
from panels import THIRD, Column, Label, Line, bars, figure, listing, spread, trend
from promql import BY, CALLER, FAILED, KAFKA, NOT_WAITING, WORKLOAD, Sides, most, select

BROKERS = 'destination_namespace=~"$broker_namespace"'
TO = f'{BROKERS},destination_workload=~"$broker"'
TOPIC = 'topic=~"$topic"'
GROUP = 'group=~"$group"'
EMPTY = "no Kafka seen: is there a rule <Ingress/9092/TCP/KAFKA>?"

REQUESTS = Sides("Kafka", "kafka_requests_total", "kafka_requests_total", KAFKA.served_by, KAFKA.asked_by)
RECORDS = Sides("Kafka", "kafka_records_total", "kafka_records_total", KAFKA.served_by, KAFKA.asked_by)
BYTES = Sides("Kafka", "kafka_bytes_total", "kafka_bytes_total", KAFKA.served_by, KAFKA.asked_by)
THROTTLE = Sides("Kafka", "kafka_throttle_seconds", "kafka_throttle_seconds", KAFKA.served_by, KAFKA.asked_by)
BEYOND_WAIT = Sides(
    "Kafka",
    "kafka_fetch_beyond_wait_seconds",
    "kafka_fetch_beyond_wait_seconds",
    KAFKA.served_by,
    KAFKA.asked_by,
    WORKLOAD,
)

LAG_OF = "kafka_consumer_lag"
FETCH_LAG_OF = "kafka_fetch_lag"
CLUSTER = ("destination_namespace", "kafka_cluster_id")


def board() -> Board:
    """The board of Kafka."""
    count = "kafka_requests_total"
    return Board(
        name="kafka",
        title="Kafka",
        description="Kafka as it passes by: requests by API, records and bytes by topic, lag, throttling, brokers' time.",
        variables=[
            variables.datasource(),
            variables.traces(hidden=True),
            *variables.agents(),
            *variables.brokers([count]),
            variables.asking([count], TO),
            variables.chosen(
                "topic",
                "Topic",
                f"label_values({select(count, TO, BY)}, topic)",
                "Topics that a broker answered for. _OTHER are those beyond max_kafka_topics.",
            ),
            variables.chosen(
                "group",
                "Group",
                f"label_values({select(LAG_OF)}, group)",
                "Consumer groups that committed offsets. _OTHER are those beyond max_kafka_groups.",
            ),
        ],
        sections=[_now(), _requests(), _records(), _lag(), _time(), kafka_clients.section(TO, BY)],
    )


def _requests_rate(*matchers: str) -> str:
    return REQUESTS.once("", TO, BY, TOPIC, *matchers)


def _buckets(*matchers: str) -> str:
    return KAFKA.once("_bucket", TO, BY, TOPIC, *matchers)


def _lag_by(*labels: str) -> str:
    """Lag of groups: what several agents tell of one is told once, and then summed."""
    once = most(select(LAG_OF, BROKERS, TOPIC, GROUP), "group", "topic", *CLUSTER)
    return promql.total(once, *labels)


def _now() -> Section:
    return Section(
        "Now",
        [
            figure(
                "Requests",
                "Requests per second to the chosen brokers. A Produce with acks=0 has no response and counts all the "
                "same.",
                units.RequestsPerSecond,
                promql.total(_requests_rate()),
                empty="no Kafka",
            ),
            figure(
                "Errors",
                "Share of requests that failed, by the first error in the response, or without one. See the error "
                "codes below.",
                units.PercentUnit,
                promql.share(_requests_rate(FAILED), _requests_rate()),
                style.rising(style.ERROR_SHARE),
                empty="no Kafka",
            ),
            figure(
                "Produced",
                "Records per second that brokers took. Nothing while producers run: see the error codes of Produce "
                "below.",
                units.RecordsPerSecond,
                promql.total(RECORDS.once("", TO, BY, TOPIC, 'direction="produce"')),
                empty="no records",
            ),
            figure(
                "Fetched",
                "Records per second that brokers gave. Below what is produced, times the number of groups: lag grows.",
                units.RecordsPerSecond,
                promql.total(RECORDS.once("", TO, BY, TOPIC, 'direction="fetch"')),
                empty="no records",
            ),
            figure(
                "Lag",
                "Records that groups have not committed yet, over all groups and topics. It should fall back after "
                "bursts: one that only grows is a consumer that is too slow or stuck.",
                units.Short,
                _lag_by(),
                empty="no commits seen",
            ),
            figure(
                "Throttled",
                "Responses per second that say the client was held back for a quota. Any at all: see who, below, and "
                "whether the quota is meant.",
                units.RequestsPerSecond,
                promql.total(THROTTLE.once("_count", TO, BY)),
                style.none_is_good(),
                empty="none",
            ),
        ],
    )


def _requests() -> Section:
    codes = _requests_rate('error_code!~"NONE|"')
    return Section(
        "Requests",
        [
            trend(
                "By API",
                "Requests per second by what they ask. Much Metadata or FindCoordinator: clients that reconnect all "
                "the time; JoinGroup: groups that rebalance.",
                units.RequestsPerSecond,
                Line(promql.total(_requests_rate(), "api"), "{{api}}"),
                stacked=True,
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "Error codes",
                "Requests per second by the error that the broker answered. NOT_LEADER_OR_FOLLOWER passes after an "
                "election; REBALANCE_IN_PROGRESS again and again is a consumer that misses its heartbeats; "
                "NOT_ENOUGH_REPLICAS needs the operator of the brokers.",
                units.RequestsPerSecond,
                Line(promql.total(codes, "api", "error_code"), "{{api}}: {{error_code}}"),
                stacked=True,
                span=THIRD,
                empty="no errors",
            ),
            trend(
                "Failures",
                "Requests per second that failed, by error_type: what the broker said, or how the exchange broke "
                "without a response; many of the latter are a broker that restarts.",
                units.RequestsPerSecond,
                Line(promql.total(_requests_rate(FAILED), "error_type"), "{{error_type}}"),
                stacked=True,
                span=THIRD,
                empty="no failures",
            ),
            listing(
                "By client and API",
                "Who asks what of the brokers. Sort by errors or p95 to find the client to look at. Client ids are "
                "there where max_kafka_client_ids says so.",
                [
                    Label("source_namespace", "Namespace"),
                    Label("source_workload", "Client"),
                    Label("client_id", "Client id"),
                    Label("api", "API"),
                ],
                [
                    Column(
                        "Rate", promql.total(_requests_rate(), *CALLER, "client_id", "api"), units.RequestsPerSecond
                    ),
                    Column(
                        "Errors",
                        promql.share(_requests_rate(FAILED), _requests_rate(), *CALLER, "client_id", "api"),
                        units.PercentUnit,
                        style.rising(style.ERROR_SHARE),
                    ),
                    Column("p95", promql.quantile(0.95, _buckets(), *CALLER, "client_id", "api"), units.Seconds),
                ],
                sort="Rate",
                empty=EMPTY,
            ),
        ],
    )


def _records() -> Section:
    records, sizes = RECORDS.once("", TO, BY, TOPIC), BYTES.once("", TO, BY, TOPIC)
    legend = "{{topic}}, {{direction}}"
    return Section(
        "Topics",
        [
            trend(
                "Records",
                "Records per second by topic and direction. A topic that is produced but not fetched has lost its "
                "consumers.",
                units.RecordsPerSecond,
                Line(promql.total(records, "topic", "direction"), legend),
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "Bytes",
                "Bytes per second of the batches of these records, compressed as on the wire. Near what the network "
                "or a quota allows: spread the topic over more brokers.",
                units.BytesPerSecondIEC,
                Line(promql.total(sizes, "topic", "direction"), legend),
                span=THIRD,
                empty=EMPTY,
            ),
            trend(
                "Bytes for each record",
                "Mean size of a record with its share of the batch. It rises where compression was switched off or "
                "batches became small: see linger.ms and batch.size of the producer.",
                units.BytesIEC,
                Line(promql.per(sizes, records, "topic", "direction"), legend),
                span=THIRD,
                empty=EMPTY,
            ),
        ],
    )


def _lag() -> Section:
    fetch = most(
        select(FETCH_LAG_OF, BROKERS, BY, TOPIC),
        "topic",
        "source_namespace",
        "source_workload",
        *CLUSTER,
    )
    known = select("flowfold_kafka_positions")
    limit = select("flowfold_kafka_positions_limit")
    return Section(
        "Lag",
        [
            trend(
                "Lag of groups",
                "Records between the high watermark and what the group committed, by group and topic. It grows: add "
                "consumers, up to the number of partitions, or find what slows them. A group that commits nothing "
                "for series_ttl vanishes.",
                units.Short,
                Line(_lag_by("group", "topic"), "{{group}}, {{topic}}"),
                empty="no commits seen",
            ),
            trend(
                "Lag of those that fetch",
                "Records between the high watermark and where the workload last fetched from. Low while the group's "
                "lag is high: records are fetched, but processing or committing them is slow.",
                units.Short,
                Line(fetch, "{{source_workload}} {{source_namespace}}, {{topic}}"),
                empty="no Fetch seen",
            ),
            bars(
                "Furthest behind",
                "Groups and topics with most lag. Start with the first whose lag also grows, beside this.",
                units.Short,
                promql.top(10, _lag_by("group", "topic")),
                "{{group}}, {{topic}}",
                span=THIRD,
            ),
            trend(
                "Growth of lag",
                "Records per second by which lag grows. Above 0 for long: consumers do not keep up.",
                units.Short,
                Line(
                    most(f"deriv({select(LAG_OF, BROKERS, TOPIC, GROUP)}[$__rate_interval])", "group", "topic"),
                    "{{group}}, {{topic}}",
                ),
                span=THIRD,
                least=None,
                empty="no commits seen",
            ),
            trend(
                "Offsets that are kept",
                "Share of max_kafka_partitions that is in use. When it is full, further partitions are not in the "
                "lags: raise it.",
                units.PercentUnit,
                Line(f"{known} / ({limit} > 0)", "{{instance}}"),
                most=1,
                limits=style.rising(style.FULLNESS),
                span=THIRD,
            ),
        ],
    )


def _time() -> Section:
    produce = _buckets('api="Produce"')
    beyond = BEYOND_WAIT.once("_bucket", TO)
    throttle = THROTTLE.once("_bucket", TO, BY)
    return Section(
        "Brokers' time",
        [
            trend(
                "95th percentile by API",
                "Duration of requests, without Fetch, which waits for records. Produce slow alone: replicas or the "
                "disk; all slow: the broker's threads or the network.",
                units.Seconds,
                Line(promql.quantile(0.95, _buckets(NOT_WAITING), "api"), "{{api}}", exemplars=True),
                empty=EMPTY,
            ),
            spread(
                "Produce",
                "How long brokers take for a Produce. With acks=all it has the slowest replica in it.",
                units.Seconds,
                promql.heat(produce),
                empty=EMPTY,
            ),
            trend(
                "Fetch beyond its wait",
                "Time that brokers took for a Fetch beyond the wait that it allowed: the part that is the broker's. "
                "More than some milliseconds: disks that are read for old records, or an overloaded broker.",
                units.Seconds,
                *(Line(promql.quantile(of, beyond), name) for of, name in promql.QUANTILES),
                colors=style.PERCENTILE_COLORS,
                empty="no Fetch seen",
            ),
            spread(
                "Fetch beyond its wait, distribution",
                "The same as a distribution: all of it in the lowest bucket is a healthy broker.",
                units.Seconds,
                promql.heat(beyond),
                empty="no Fetch seen",
            ),
            trend(
                "Throttled responses",
                "Responses per second that held a client back, by API and client. Ask whoever runs that client "
                "whether it means to send so much.",
                units.RequestsPerSecond,
                Line(
                    promql.total(THROTTLE.once("_count", TO, BY), "api", "source_workload", "client_id"),
                    "{{api}}, {{source_workload}} {{client_id}}",
                ),
                empty="none was throttled",
            ),
            trend(
                "Time that clients were held back",
                "p95 of the time that responses say a client must wait. Raise its quota, or make it slower on purpose.",
                units.Seconds,
                Line(promql.quantile(0.95, throttle, "source_workload"), "{{source_workload}}"),
                empty="none was throttled",
            ),
        ],
    )
