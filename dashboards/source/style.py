"""What all boards have in common: colours, thresholds, units, sizes and names. Nothing of it is said anywhere else."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

METRICS: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Where numbers come from: whatever Prometheus, Thanos or Mimir the variable names."""

TAG: Final = "flowfold"
"""The tag by which the boards find each other."""

WIDTH: Final = 24
"""Columns of Grafana's grid."""

GOOD: Final = "green"
NOTICE: Final = "yellow"
WARN: Final = "orange"
BAD: Final = "red"
CALM: Final = "blue"
SILENT: Final = "gray"
STRANGE: Final = "purple"

CORES: Final = "suffix:cores"
"""The unit of CPU time in a second, in the words by which Grafana takes a unit of one's own."""

PERCENTILE_COLORS: Final = {"/p50$/": CALM, "/p95$/": WARN, "/p99$/": BAD, "/p99.9$/": STRANGE}
"""Colours of lines by the percentile that ends their names."""

HEAT: Final = "Oranges"
"""The colour scheme of heatmaps."""

ERROR_SHARE: Final = (0.01, 0.05)
"""Shares of errors from which on they are a warning, and bad."""

BUDGET_LEFT: Final = (0.0, 0.25)
"""Shares of an error budget up to which it is bad, and a warning."""

FULLNESS: Final = (0.7, 0.9)
"""Shares of a limit from which on it is a warning, and bad."""

UNPARSED_SHARE: Final = (0.001, 0.01)
"""Shares of bytes that were not understood from which on they are a warning, and bad."""

ADDED_LATENCY: Final = (0.001, 0.01)
"""Seconds that the agent adds from which on they are a warning, and bad."""


def rising(limits: tuple[float, float]) -> ThresholdsConfig:
    """Thresholds of what is good when it is low."""
    return _steps(GOOD, (limits[0], WARN), (limits[1], BAD))


def falling(limits: tuple[float, float]) -> ThresholdsConfig:
    """Thresholds of what is good when it is high."""
    return _steps(BAD, (limits[0], WARN), (limits[1], GOOD))


def none_is_good() -> ThresholdsConfig:
    """Thresholds of what should not happen at all."""
    return _steps(GOOD, (1e-9, BAD))


def all_is_good() -> ThresholdsConfig:
    """Thresholds of what is 1 where it is well and less where it is not."""
    return _steps(BAD, (1.0, GOOD))


def plain() -> ThresholdsConfig:
    """Thresholds of numbers that are neither good nor bad."""
    return _steps(CALM)


def _steps(lowest: str, *above: tuple[float, str]) -> ThresholdsConfig:
    steps = [Threshold(value=None, color=lowest)]
    steps += [Threshold(value=value, color=color) for value, color in above]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
