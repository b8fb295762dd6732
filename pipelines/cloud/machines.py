"""Which machine takes which accelerator, and where it is to be had: a dated table and the questions asked of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from components.shared.config import StrictModel, read_yaml, validate
from pipelines.experiments import unknown

TABLE = Path(__file__).parent / "tables" / "machines.yaml"
TASK_CPUS, TASK_MEMORY = 96, 624
"""The most that a pipeline's task may ask for, in CPUs and GB; a custom job may ask for more."""


class Machine(StrictModel):
    """CPUs, memory in GB, and the accelerators it takes with their possible numbers; a TPU machine has a topology."""

    cpu: int
    memory: float
    accelerators: dict[str, list[int]] = Field(default_factory=dict)
    built_in: bool = False
    """The accelerators are part of the machine: it comes with them or not at all."""
    topology: str = ""
    tpu: str = ""


class Table(StrictModel):
    """``regions`` is by accelerator; one that it does not name is not checked."""

    date: str
    machines: dict[str, Machine]
    regions: dict[str, list[str]]


@cache
def table() -> Table:
    """The shipped table."""
    return validate(Table, read_yaml(TABLE))


def get(name: str) -> Machine | None:
    """A machine by name, None when the table lacks it."""
    return table().machines.get(name)


def smallest(cpu: float, memory: float, accelerator: str, count: int) -> str | None:
    """The machine with the fewest CPUs that has this much, in CPUs and GB; a task that asks for nothing gets 4 CPUs."""
    cpu, memory = max(cpu, 4), max(memory, 16)
    fitting = [
        (known.cpu, known.memory, name)
        for name, known in table().machines.items()
        if known.cpu >= cpu and known.memory >= memory and not known.topology
        and (count in known.accelerators.get(accelerator, []) if accelerator else not known.built_in)
    ]  # fmt: skip
    return min(fitting)[2] if fitting else None


def problems(machine: str, accelerator: str, count: int, *, topology: str = "", workers: int = 1) -> list[str]:
    """Why Vertex AI would refuse this machine with these accelerators, each with the remedy."""
    known = get(machine)
    if known is None:
        return [unknown("machine", machine, list(table().machines))]
    found = []
    if accelerator.startswith("TPU"):
        found.append(
            f"accelerator {accelerator}: a TPU v5e is asked for by machine ct5lp-hightpu-1t|4t|8t and topology"
        )
    elif accelerator and accelerator not in known.accelerators:
        hosts = [name for name, each in table().machines.items() if accelerator in each.accelerators]
        found.append(
            f"machine {machine} takes no {accelerator}; it is on: {', '.join(hosts) or 'no machine known here'}"
        )
    elif accelerator and count not in known.accelerators[accelerator]:
        allowed = ", ".join(map(str, known.accelerators[accelerator]))
        found.append(f"machine {machine} takes {allowed} {accelerator}, not {count}")
    elif known.built_in and not accelerator:
        name, counts = next(iter(known.accelerators.items()))
        found.append(
            f"machine {machine} comes with its accelerators: write accelerator: {name}, accelerators: {counts[0]}"
        )
    if topology != known.topology:
        found.append(
            f"machine {machine}: expected topology {known.topology or 'to be left out'}, got {topology or 'none'}"
        )
    if known.topology and workers > 1:
        found.append(f"machine {machine}: a TPU v5e slice is one worker, got workers: {workers}")
    return found


def task_problems(machine: str) -> list[str]:
    """Why a pipeline's task cannot ask for this machine."""
    known = get(machine)
    if known is None:
        return []
    if known.topology:
        return [f"machine {machine}: a task takes no TPU v5e; write by: custom_job"]
    if known.cpu > TASK_CPUS or known.memory > TASK_MEMORY:
        return [
            f"machine {machine}: a task may ask for {TASK_CPUS} CPUs and {TASK_MEMORY} GB, this has {known.cpu} and "
            f"{known.memory:g}; write by: custom_job"
        ]
    return []


def region_problems(machine: str, accelerator: str, location: str) -> list[str]:
    """Why this accelerator is not to be had in a region."""
    known = get(machine)
    what = accelerator or (known.tpu if known else "")
    where = table().regions.get(what)
    if where is None or location in where:
        return []
    return [f"{what} is not to be had in {location} (table of {table().date}); it is in {', '.join(where)}"]
