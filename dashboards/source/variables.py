"""The variables of boards, each of which narrows the next: data source, job, instance, namespace, workload."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders.dashboard import CustomVariable, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
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


def datasource() -> Variable:
    """Where numbers come from."""
    return DatasourceVariable("datasource").label("Metrics").type("prometheus").description(
        "The Prometheus, Thanos or Mimir that scrapes Flowfold."
    )


def traces() -> Variable:
    """Where links to traces lead."""
    return DatasourceVariable("traces").label("Traces").type("tempo").description(
        "Where Flowfold's spans are kept. Links to traces lead there; without one they lead nowhere, all else works."
    )


def agents() -> list[Variable]:
    """The jobs and instances of agents."""
    return [
        chosen(
            "job",
            "Job",
            "label_values(flowfold_build_info, job)",
            "Jobs of Prometheus that scrape agents. All of them is a list, as other jobs may have families of these names.",
            everything=None,
        ),
        chosen(
            "instance",
            "Agent",
            'label_values(flowfold_build_info{job=~"$job"}, instance)',
            "Agents, as Prometheus names their targets.",
        ),
    ]


def workloads(families: Sequence[str], side: str = "destination") -> list[Variable]:
    """The namespaces and workloads at one end of exchanges."""
    names = f'__name__=~"{"|".join(families)}"'
    end = "that are asked" if side == "destination" else "that ask"
    return [
        chosen(
            "namespace",
            "Namespace",
            f"label_values({{{names},{promql.AGENT}}}, {side}_namespace)",
            f"Namespaces of workloads {end}.",
        ),
        chosen(
            "workload",
            "Workload",
            f'label_values({{{names},{promql.AGENT},{side}_namespace=~"$namespace"}}, {side}_workload)',
            f"Workloads {end}.",
        ),
    ]


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
    options = [VariableOption(selected=value == "99.9", text=value, value=value) for value in values]
    return (
        CustomVariable("objective")
        .label("Objective, %")
        .description("The share of requests that are to go well: what they may fail beyond it is the error budget.")
        .values(",".join(values))
        .options(options)
        .current(VariableOption(selected=True, text="99.9", value="99.9"))
    )
