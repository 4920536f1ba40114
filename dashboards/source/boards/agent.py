"""The agent itself: what it costs, what it adds, how full it is, and whether it does its work."""

from grafana_foundation_sdk.models import units

import style
import variables
from board import Board, Section
from panels import QUARTER, THIRD, Column, Label, Line, figure, listing, spread, states, trend
from promql import heat, increase, most, of_agents, quantile, rate, select, share, total

ADDED = "flowfold_added_latency_seconds"
CPU = of_agents(rate("process_cpu_seconds_total"))
MEMORY = of_agents(select("process_resident_memory_bytes"))
OPEN_FDS, MAX_FDS = (of_agents(select(name)) for name in ("process_open_fds", "process_max_fds"))
STARTED = of_agents(select("process_start_time_seconds"))
EXCHANGES = rate("flowfold_exchanges_total")
PERCENTILES = ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"))


def board() -> Board:
    """The board of the agent."""
    return Board(
        name="agent",
        title="Agent",
        description="What Flowfold itself costs and adds, how full its budget of series is, and whether it does its work.",
        variables=[variables.datasource(), variables.traces(hidden=True), *variables.agents()],
        sections=[_now(), _latency(), _cost(), _series(), _attached(), _scrapes(), _pushes(), _builds()],
    )


def _full(used: str, limit: str) -> str:
    return f"{select(used)} / ({select(limit)} > 0)"


def _now() -> Section:
    return Section(
        "Now",
        [
            figure(
                "Agents",
                "Agents that are scraped. Fewer than there are hosts: an agent is down or its target is gone, see "
                "Prometheus' page of targets.",
                units.Short,
                f"count({select('flowfold_build_info')})",
                empty="none",
            ),
            figure(
                "Not attached",
                "Programs that are not attached: their traffic goes direct, unseen. See the timeline below and the "
                "agent's log.",
                units.Short,
                f"count({select('flowfold_programs_attached')} == 0) or count({select('flowfold_programs_attached')}) * 0",
                style.none_is_good(),
                empty="no programs: flowfold proxy",
            ),
            figure(
                "Added latency, p99",
                "Time from reading bytes on one side to having written them on the other, 99 of 100 times. Above a "
                "millisecond: too few cores, or a peer that does not read.",
                units.Seconds,
                quantile(0.99, rate(f"{ADDED}_bucket")),
                style.rising(style.ADDED_LATENCY),
            ),
            figure(
                "CPU",
                "Cores that all chosen agents use together. When it rises without more exchanges, the section on "
                "cost says whose it is.",
                style.CORES,
                total(CPU),
                decimals=2,
            ),
            figure(
                "Memory",
                "Resident memory of the agent that has most. Well above max_bytes: many open connections, see the "
                "section on cost.",
                units.BytesIEC,
                most(MEMORY),
            ),
            figure(
                "Series used",
                "Share of max_series, of the fullest agent. At 1 new label sets go to the overflow series: raise "
                "max_series, or hide labels (metrics.labels).",
                units.PercentUnit,
                most(
                    f"sum by (job, instance) ({select('flowfold_series')})"
                    f" / on (job, instance) ({select('flowfold_series_limit')} > 0)"
                ),
                style.rising(style.FULLNESS),
            ),
        ],
    )


def _latency() -> Section:
    buckets = rate(f"{ADDED}_bucket")
    return Section(
        "Added latency",
        [
            trend(
                "Percentiles",
                "What the relay adds, both ways. p99.9 alone high: the host is short of CPU at moments. All high: a "
                "peer that reads slowly fills the buffers, see by agent and side.",
                units.Seconds,
                *(Line(quantile(of, buckets), name) for of, name in PERCENTILES),
                colors=style.PERCENTILE_COLORS,
                limits=style.rising(style.ADDED_LATENCY),
                span=THIRD,
            ),
            spread(
                "Distribution",
                "How often the relay took how long between reading and having written. A band that moves up is a "
                "busier host.",
                units.Seconds,
                heat(buckets),
                span=THIRD,
            ),
            trend(
                "99th percentile by agent and side",
                "Which agent, and which way. To the client: clients that read slowly; to the server: a server that "
                "does.",
                units.Seconds,
                Line(quantile(0.99, buckets, "instance", "side"), "{{instance}}, {{side}}"),
                span=THIRD,
            ),
        ],
    )


def _cost() -> Section:
    spent = f"sum by (job, instance) {CPU}"
    return Section(
        "Cost",
        [
            trend(
                "CPU",
                "Cores that each agent uses. It follows exchanges and bytes: when it rises without them, take a "
                "profile and report it.",
                style.CORES,
                Line(CPU, "{{instance}}"),
                span=QUARTER,
            ),
            trend(
                "CPU for each exchange",
                "CPU time of the agent for one exchange, relaying and scrapes included. Small and steady under load; "
                "an idle agent divides its scrapes by few exchanges.",
                units.Seconds,
                Line(f"{spent} / on (job, instance) (sum by (job, instance) ({EXCHANGES}) > 0)", "{{instance}}"),
                span=QUARTER,
            ),
            trend(
                "Memory",
                "Resident memory, and what of it are series (max_bytes limits those). Beyond that are buffers: fewer "
                "open connections (max_connections) need less.",
                units.BytesIEC,
                Line(MEMORY, "{{instance}}"),
                Line(select("flowfold_series_memory_bytes"), "{{instance}}, series"),
                span=QUARTER,
            ),
            trend(
                "File descriptors",
                "Share of the limit that is open. A relayed connection takes two; near the limit new connections go "
                "direct: raise LimitNOFILE.",
                units.PercentUnit,
                Line(f"{OPEN_FDS} / ({MAX_FDS} > 0)", "{{instance}}"),
                most=1,
                limits=style.rising(style.FULLNESS),
                span=QUARTER,
            ),
        ],
    )


def _series() -> Section:
    family = "{{family}}"
    return Section(
        "Series against their budget",
        [
            trend(
                "Fullness",
                "Share of max_series, of max_bytes, of max_kafka_partitions and of max_destination_addresses that is in "
                "use. Above 0.9: see which family grows, hide a label of it, or raise the limit.",
                units.PercentUnit,
                Line(
                    f"sum by (job, instance) ({select('flowfold_series')})"
                    f" / on (job, instance) ({select('flowfold_series_limit')} > 0)",
                    "{{instance}}, series",
                ),
                Line(
                    _full("flowfold_series_memory_bytes", "flowfold_series_memory_limit_bytes"), "{{instance}}, bytes"
                ),
                Line(
                    _full("flowfold_kafka_positions", "flowfold_kafka_positions_limit"), "{{instance}}, Kafka offsets"
                ),
                Line(
                    _full("flowfold_destination_addresses", "flowfold_destination_addresses_limit"),
                    "{{instance}}, addresses with names",
                ),
                most=1,
                limits=style.rising(style.FULLNESS),
                span=THIRD,
            ),
            trend(
                "Series by family",
                "Label sets that are kept. A family that grows without end has a label with too many values: hide "
                "that one (metrics.labels).",
                units.Short,
                Line(total(select("flowfold_series"), "family"), family),
                stacked=True,
                span=THIRD,
            ),
            trend(
                "Made and expired",
                "Label sets made and given up per second. Both high all the time: a label whose values live shortly, "
                "such as a port or a workload's address.",
                units.OpsPerSecond,
                Line(total(rate("flowfold_series_created_total")), "made"),
                Line(total(rate("flowfold_series_expired_total")), "expired"),
                span=THIRD,
            ),
            trend(
                "Overflowed exchanges",
                "Exchanges per second that went to the overflow series, by family: they count in sums, but no label "
                "tells of them. The budget is too small or a label too wide.",
                units.RequestsPerSecond,
                Line(total(rate("flowfold_series_overflowed_exchanges_total"), "family"), family),
                stacked=True,
                span=QUARTER,
                empty="none",
            ),
            trend(
                "Exchanges of expired series",
                "Exchanges that expired series held, when they were given up. With those of the series that are "
                "shown they are all; nothing to do.",
                units.Short,
                Line(total(increase("flowfold_series_expired_exchanges_total"), "family"), family),
                span=QUARTER,
                empty="none expired",
            ),
            trend(
                "Kafka offsets turned away",
                "Offsets per second that were not kept: the partitions that they belong to are not in the lags. "
                "Raise max_kafka_partitions.",
                units.OpsPerSecond,
                Line(total(rate("flowfold_kafka_positions_turned_away_total"), "instance"), "{{instance}}"),
                span=QUARTER,
                empty="none",
            ),
            trend(
                "Addresses given up",
                "Addresses per second whose names from DNS were given up before their time: destination_name is "
                "missing on what goes there next. Raise max_destination_addresses.",
                units.OpsPerSecond,
                Line(total(rate("flowfold_destination_addresses_evicted_total"), "instance"), "{{instance}}"),
                span=QUARTER,
                empty="none",
            ),
        ],
    )


def _attached() -> Section:
    return Section(
        "Programs",
        [
            states(
                "Attached",
                "Whether each BPF program is attached. Not attached: new connections go direct. After the steered "
                "cgroup was removed the agent must be started anew.",
                Line(
                    f"min by (instance, program) ({select('flowfold_programs_attached')})", "{{instance}} {{program}}"
                ),
                {"1": ("attached", style.GOOD), "0": ("not attached", style.BAD)},
                empty="no programs: flowfold proxy",
            ),
            trend(
                "Steered",
                "Connections per second that programs steered to each agent. 0 under traffic: programs are not "
                "attached, the rules name no port in use, or the heartbeat is stale.",
                units.CountsPerSecond,
                Line(
                    total(rate("flowfold_steered_connections_total"), "instance", "direction"),
                    "{{instance}}, {{direction}}",
                ),
            ),
        ],
    )


def _scrapes() -> Section:
    return Section(
        "Scrapes",
        [
            trend(
                "Duration",
                "Time that the agent spent on its last scrape. It follows the number of series; it does not hold up "
                "traffic.",
                units.Seconds,
                Line(select("flowfold_scrape_duration_seconds"), "{{instance}}"),
                span=THIRD,
            ),
            trend(
                "Size",
                "Size of the last scrape before compression. Large: see which family has most series above.",
                units.BytesIEC,
                Line(select("flowfold_scrape_size_bytes"), "{{instance}}"),
                span=THIRD,
            ),
            trend(
                "By format",
                "Scrapes per second by format. Native histograms come by protobuf alone: where it is missing, see "
                "scrape_native_histograms of Prometheus.",
                units.OpsPerSecond,
                Line(total(rate("flowfold_scrapes_total"), "format"), "{{format}}"),
                span=THIRD,
            ),
        ],
    )


def _pushes() -> Section:
    outcomes = {"/sent/": style.GOOD, "/rejected/": style.WARN, "/failed/": style.BAD, "/dropped/": style.BAD}
    points, spans = "flowfold_otlp_data_points_total", "flowfold_spans_total"
    not_sent = 'outcome!="sent"'
    return Section(
        "OTLP",
        [
            trend(
                "Data points",
                "Data points per second that were pushed, by what became of them. failed: the receiver could not be "
                "reached, the next push tells their counts; rejected: its message is in the log; dropped: their "
                "series expired before a push got through.",
                units.OpsPerSecond,
                Line(total(rate(points), "outcome"), "{{outcome}}"),
                stacked=True,
                colors=outcomes,
                span=THIRD,
                empty="no otlp.endpoint",
            ),
            trend(
                "Spans",
                "Sampled spans per second. dropped: the queue was full, sample less; failed: the collector cannot be "
                "reached.",
                units.OpsPerSecond,
                Line(total(rate(spans), "outcome"), "{{outcome}}"),
                stacked=True,
                colors=outcomes,
                span=THIRD,
                empty="spans are off",
            ),
            trend(
                "Not delivered",
                "Share of data points and of spans that were not delivered. Above 0 for long: see the log and the "
                "collector.",
                units.PercentUnit,
                Line(share(rate(points, not_sent), rate(points)), "data points"),
                Line(share(rate(spans, not_sent), rate(spans)), "spans"),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
                empty="nothing is pushed",
            ),
        ],
    )


def _builds() -> Section:
    return Section(
        "Agents",
        [
            listing(
                "Builds",
                "Which build each agent is, and for how long it runs. Several versions for long: a rollout that is "
                "stuck.",
                [
                    Label("job", "Job"),
                    Label("instance", "Agent"),
                    Label("version", "Version"),
                    Label("revision", "Revision"),
                ],
                [
                    Column(
                        "Up for",
                        f"sum by (job, instance, version, revision) ((time() - {STARTED}) * on (job, instance)"
                        f" group_right () {select('flowfold_build_info')})",
                        units.Seconds,
                    ),
                ],
                span=14,
                empty="no agents",
            ),
            listing(
                "Resources",
                "The attributes that each agent was told to report as. One that lacks its cluster or environment: "
                "set resource in its configuration.",
                [],
                [Column("Reports", of_agents(select("target_info")), units.Short)],
                span=10,
                untold=["Reports"],
                empty="no resource is configured",
            ),
        ],
    )
