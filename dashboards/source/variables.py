"""The variables of boards, each of which narrows the next: data source, job, instance, namespace, workload."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders.dashboard import CustomVariable, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

import promql
import style

Variable: TypeAlias = Builder[VariableModel]

EVERYTHING: Final = ".*"
"""What a variable stands for that says All: also series that lack the label."""

OBJECTIVE: Final = "99"
"""The objective that is chosen at first, in percent: that of the alerts."""


def datasource() -> Variable:
    """Where numbers come from."""
    return (
        DatasourceVariable("datasource")
        .label("Metrics")
        .type("prometheus")
        .description("The Prometheus, Thanos or Mimir that scrapes Flowfold.")
    )


def traces(*, hidden: bool = False) -> Variable:
    """Where links to traces lead. Boards without such links hide it, and pass it on."""
    variable = (
        DatasourceVariable("traces")
        .label("Traces")
        .type("tempo")
        .description(
            "Where Flowfold's spans are kept. Links to traces lead there; without one they lead nowhere, all else works."
        )
    )
    return variable.hide(VariableHide.HIDE_VARIABLE if hidden else VariableHide.DONT_HIDE)


def agents() -> list[Variable]:
    """The jobs and instances of agents."""
    return [
        chosen(
            "job",
            "Job",
            "label_values(flowfold_build_info, job)",
            "Jobs of Prometheus that scrape agents. All of them is a list, as other jobs may have families of these "
            "names.",
            everything=None,
        ),
        chosen(
            "instance",
            "Agent",
            'label_values(flowfold_build_info{job=~"$job"}, instance)',
            "Agents, as Prometheus names their targets.",
        ),
    ]


def asked(families: Sequence[str]) -> list[Variable]:
    """The namespaces and workloads that are asked."""
    return _asked(families, "namespace", "workload", "Workload")


def brokers(families: Sequence[str]) -> list[Variable]:
    """Kafka's brokers. A workload that was chosen on another board is none, so they have a name of their own."""
    return _asked(families, "broker_namespace", "broker", "Broker")


def servers(families: Sequence[str]) -> list[Variable]:
    """Servers of DNS, for the same reason."""
    return _asked(families, "server_namespace", "server", "Server")


def _asked(families: Sequence[str], namespace: str, workload: str, label: str) -> list[Variable]:
    within = f'destination_namespace=~"${namespace}"'
    return [
        chosen(
            namespace,
            "Namespace",
            f"label_values({of(families)}, destination_namespace)",
            f"Namespaces of those that are asked ({workload}).",
        ),
        chosen(
            workload,
            label,
            f"label_values({of(families, within)}, destination_workload)",
            "Those that are asked, in the chosen namespaces.",
        ),
    ]


def asking(families: Sequence[str], *matchers: str) -> Variable:
    """The workloads that ask."""
    return chosen(
        "caller", "Caller", f"label_values({of(families, *matchers)}, source_workload)", "Workloads that ask."
    )


def of(families: Sequence[str], *matchers: str) -> str:
    """The series of several families, of the chosen agents."""
    names = "|".join(families)
    return promql.select("", f'__name__=~"{names}"', *matchers)


def chosen(name: str, label: str, query: str, description: str, everything: str | None = EVERYTHING) -> Variable:
    """Values of a label out of the data source, of which several or all may be chosen."""
    variable = (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(style.METRICS)
        .query(query)
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )
    return variable if everything is None else variable.all_value(everything)


def objective() -> Variable:
    """The share of requests that are to go well, in percent."""
    values = ("99", "99.5", "99.9", "99.95", "99.99")
    options = [VariableOption(selected=value == OBJECTIVE, text=value, value=value) for value in values]
    return (
        CustomVariable("objective")
        .label("Objective, %")
        .description("The share of requests that are to go well: what they may fail beyond it is the error budget.")
        .values(",".join(values))
        .options(options)
        .current(VariableOption(selected=True, text=OBJECTIVE, value=OBJECTIVE))
    )
