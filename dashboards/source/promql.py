"""Expressions of PromQL, put together from families.

A label that has no value is left out of a series. So a variable that says "All" is `.*`, which also takes series without
the label; shares are guarded against what has no errors yet; and what is shown by a label that may be missing gets a word
in its place (`told`). The overflow series has no label but its own: a matcher that excludes a value excludes the empty one
as well, and what is to be without an answer must have failed.
"""

from dataclasses import dataclass
from typing import Final

AGENT: Final = 'job=~"$job",instance=~"$instance"'
"""Series of the chosen agents."""

TO: Final = 'destination_namespace=~"$namespace",destination_workload=~"$workload"'
"""Series of what the chosen workloads are asked."""

BY: Final = 'source_workload=~"$caller"'
"""Series of what the chosen callers ask."""

FAILED: Final = 'error_type!=""'
"""Series of what went wrong."""

SERVED_BY: Final = 'reporter="server"'
ASKED_BY: Final = 'reporter="client"'
"""Series of what servers' sides report, and clients', where one family has both."""

QUANTILES: Final = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
"""The percentiles of durations that are shown, and what they are called."""

WORKLOAD: Final = ("destination_namespace", "destination_workload")
CALLER: Final = ("source_namespace", "source_workload")
EDGE: Final = (*CALLER, *WORKLOAD)

NOW: Final = "$__rate_interval"
"""The window of a rate that is drawn."""

RANGE: Final = "$__range"
"""The window of a sum over the whole time that is shown."""


@dataclass(frozen=True)
class Sides:
    """A kind of exchanges as servers' sides and as clients' sides report it."""

    name: str
    served: str
    asked: str
    served_by: str = ""
    asked_by: str = ""
    ends: tuple[str, ...] = EDGE

    def once(self, suffix: str, *matchers: str, window: str = NOW, function: str = "rate") -> str:
        """The rate of what servers' sides report, and of what clients' sides report where no server's side does.

        An exchange that both sides saw, by the same agent or by two, counts once.
        """
        served = select(self.served + suffix, self.served_by, *matchers)
        asked = select(self.asked + suffix, self.asked_by, *matchers)
        count = "_count" if suffix == "_bucket" else suffix
        reported = select(self.served + count, self.served_by)
        ends = ", ".join(self.ends)
        return (
            f"(\n  {function}({served}[{window}])\n"
            f"  or ({function}({asked}[{window}])\n"
            f"    unless on ({ends}) {reported})\n)"
        )


HTTP: Final = Sides("HTTP", "http_server_request_duration_seconds", "http_client_request_duration_seconds")
GRPC: Final = Sides("gRPC", "rpc_server_call_duration_seconds", "rpc_client_call_duration_seconds")
KAFKA: Final = Sides(
    "Kafka",
    "kafka_request_duration_seconds",
    "kafka_request_duration_seconds",
    SERVED_BY,
    ASKED_BY,
)
DNS: Final = Sides(
    "DNS",
    "dns_lookup_duration_seconds",
    "dns_lookup_duration_seconds",
    SERVED_BY,
    ASKED_BY,
)

NOT_WAITING: Final = 'api!~"Fetch|"'
"""Kafka requests whose duration is the broker's: a Fetch waits for records."""


def select(name: str, *matchers: str) -> str:
    """The series of a family, of the chosen agents."""
    return f"{name}{{{','.join([AGENT, *filter(None, matchers)])}}}"


def of_agents(series: str) -> str:
    """Series of agents alone, out of a family whose name other processes use, too."""
    return f"({series} and on (job, instance) {select('flowfold_build_info')})"


def rate(name: str, *matchers: str, window: str = NOW) -> str:
    """What a counter rose by per second."""
    return f"rate({select(name, *matchers)}[{window}])"


def increase(name: str, *matchers: str, window: str = NOW) -> str:
    """What a counter rose by."""
    return f"increase({select(name, *matchers)}[{window}])"


def total(series: str, *labels: str) -> str:
    """The sum of series by some of their labels."""
    return f"sum{_by(*labels)} ({series})"


def most(series: str, *labels: str) -> str:
    """The greatest of series by some of their labels, for what several agents tell of the same thing."""
    return f"max{_by(*labels)} ({series})"


def share(part: str, whole: str, *labels: str) -> str:
    """The share of a part in a whole: 0 where there is no part yet, nothing where there is no whole."""
    whole = total(whole, *labels)
    return f"({total(part, *labels)} or {whole} * 0) / ({whole} > 0)"


def per(series: str, count: str, *labels: str) -> str:
    """How much of something there is for each of another."""
    return f"{total(series, *labels)} / ({total(count, *labels)} > 0)"


def quantile(of: float, buckets: str, *labels: str) -> str:
    """A quantile of a histogram: nothing where nothing was observed."""
    return f"histogram_quantile({of}, {total(buckets, 'le', *labels)}) >= 0"


def heat(buckets: str) -> str:
    """A histogram's buckets over time."""
    return total(buckets, "le")


def told(series: str, label: str, word: str = "none") -> str:
    """Series with a word where they lack a label; the overflow series lacks them all."""
    overflow = f'label_replace({series}, "{label}", "overflow", "otel_metric_overflow", "true")'
    return f'label_replace({overflow}, "{label}", "{word}", "{label}", "")'


def marked(series: str, label: str, value: str) -> str:
    """Series with one more label."""
    return f'label_replace({series}, "{label}", "{value}", "", "")'


def either(*series: str) -> str:
    """All of several sets of series, which differ in their labels."""
    return "\nor ".join(series)


def top(count: int, series: str) -> str:
    """The greatest of some series, at one moment."""
    return f"topk({count}, {series})"


def _by(*labels: str) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
