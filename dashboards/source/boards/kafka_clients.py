"""Clients of Kafka, by the OpenTelemetry conventions for messaging."""

from grafana_foundation_sdk.models import units

import promql
import style
from board import Section
from panels import THIRD, Line, trend
from promql import FAILED


def section(*matchers: str) -> Section:
    """Local clients of the chosen brokers."""
    operation = "messaging_client_operation_duration_seconds"
    named = 'messaging_destination_name=~"$topic"'
    count, failed = (promql.rate(f"{operation}_count", *matchers, named, *more) for more in ((), (FAILED,)))
    buckets = promql.rate(f"{operation}_bucket", *matchers, named)
    sent, lost = (
        promql.rate("messaging_client_sent_messages_total", *matchers, named, *more) for more in ((), (FAILED,))
    )
    consumed = promql.rate("messaging_client_consumed_messages_total", *matchers, named)
    by = ("source_workload", "messaging_destination_name")
    legend = "{{source_workload}}, {{messaging_destination_name}}"
    return Section(
        "Clients, by the OpenTelemetry conventions for messaging",
        [
            trend(
                "Operations",
                "Send, poll and commit per second of local clients. Polls without commits: a consumer that is stuck. "
                "It needs a rule <Egress/9092/TCP/KAFKA>.",
                units.RequestsPerSecond,
                Line(
                    promql.total(count, "source_workload", "messaging_operation_name"),
                    "{{source_workload}}, {{messaging_operation_name}}",
                ),
                span=THIRD,
                empty="no clients seen",
            ),
            trend(
                "Failed operations",
                "Share of operations that failed, by client and operation. Failing commits deliver records again; "
                "failing sends are tried again, see the error codes.",
                units.PercentUnit,
                Line(
                    promql.share(failed, count, "source_workload", "messaging_operation_name"),
                    "{{source_workload}}, {{messaging_operation_name}}",
                ),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
                empty="no clients seen",
            ),
            trend(
                "95th percentile of operations",
                "What clients wait for, by operation. A poll waits for records, up to fetch.max.wait.ms; a slow send "
                "is the broker's, see Produce above.",
                units.Seconds,
                Line(
                    promql.quantile(0.95, buckets, "messaging_operation_name"),
                    "{{messaging_operation_name}}",
                    exemplars=True,
                ),
                span=THIRD,
                empty="no clients seen",
            ),
            trend(
                "Records sent",
                "Records per second that clients tried to send. A client that stopped: it failed, or has nothing to "
                "say; see its failed operations.",
                units.RecordsPerSecond,
                Line(promql.total(sent, *by), legend),
                span=THIRD,
                empty="no clients seen",
            ),
            trend(
                "Records not taken",
                "Share of them that the broker refused. Any at all is lost unless the producer tries again: see its "
                "retries.",
                units.PercentUnit,
                Line(promql.share(lost, sent, *by), legend),
                limits=style.rising(style.ERROR_SHARE),
                span=THIRD,
                empty="no clients seen",
            ),
            trend(
                "Records consumed",
                "Records per second that clients were given; a broker gives whole batches. Below what is sent for "
                "long: lag grows.",
                units.RecordsPerSecond,
                Line(promql.total(consumed, *by), legend),
                span=THIRD,
                empty="no clients seen",
            ),
        ],
    )
