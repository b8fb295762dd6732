"""On which machines the tasks of a spec run and how often: read from the spec that is sent, whoever wrote it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.shared import images
from pipelines.cloud import machines, placement
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.preflight.containers import custom_jobs, number
from pipelines.cloud.settings import CloudSettings

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Load:
    """Machines of one kind that one executor takes: ``count`` of them over the whole run.

    ``briefly`` is said of this project's own tasks that do not train; how long others take is not known.
    """

    what: str
    machine: str
    accelerator: str
    accelerators: int
    count: int
    spot: bool = False
    briefly: bool = False


@dataclass
class Loads:
    """What can be priced, and a line about each thing that cannot."""

    known: list[Load] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def of(assembly: Assembly, settings: CloudSettings) -> Loads:
    """Every executor of a spec, by its name."""
    found, spec, profile = Loads(), assembly.spec, assembly.profile
    own = {images.BASE, images.SUITE, *settings.images.values()}
    times = _times(spec, found)
    pools = {spec["components"][name].get("executorLabel"): worker_pools for name, worker_pools in custom_jobs(spec)}
    elsewhere = []
    for label, executor in spec["deploymentSpec"]["executors"].items():
        name, container = label.removeprefix("exec-"), executor.get("container")
        if container is None:
            continue
        if label in pools:
            found.known += _job(name, spec, label, pools[label], times[label])
        elif any("google_cloud_pipeline_components" in str(word) for word in container.get("command", [])):
            elsewhere.append(name)
        elif container.get("image") in own and placement.function_of(container):
            trains = placement.trains(container)
            machine = profile.machine if trains else profile.others
            accelerator = profile.accelerator if trains else ""
            found.known.append(
                Load(name, machine, accelerator, profile.accelerators, times[label], briefly=not trains)
            )  # fmt: skip
        else:
            _foreign(name, container.get("resources") or {}, times[label], found)
    if elsewhere := [name for name in elsewhere if "notification-email" not in name]:
        found.notes.append(f"not in the estimate is what Google's services bill for {', '.join(elsewhere)}")
    return found


def _job(name: str, spec: Part, label: str, pools: list[Any], times: int) -> Iterator[Load]:
    component = next(each for each in spec["components"].values() if each.get("executorLabel") == label)
    strategy = component["inputDefinitions"]["parameters"].get("strategy", {}).get("defaultValue", "")
    for machine, same in _by_machine(pools).items():
        count = sum(int(number(pool.get("replica_count")) or 1) for pool in same)
        kind = same[0].get("machine_spec") or {}
        accelerators = int(number(kind.get("accelerator_count")) or 0)
        yield Load(
            name, machine, kind.get("accelerator_type", ""), accelerators, count * times, spot=strategy == "SPOT"
        )


def _by_machine(pools: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for pool in pools:
        found.setdefault(str((pool.get("machine_spec") or {}).get("machine_type", "")), []).append(pool)
    return found


def _foreign(name: str, resources: Part, times: int, found: Loads) -> None:
    """A task with an image of somebody else's: the smallest machine that has what it asks for."""
    accelerator = resources.get("accelerator") or {}
    kind, count = str(accelerator.get("type", "")), int(number(accelerator.get("count")) or 0)
    cpu, memory = number(resources.get("cpuLimit")) or 0, number(resources.get("memoryLimit")) or 0
    machine = machines.smallest(cpu, memory, kind, count)
    if machine is None:
        asked = f"{cpu:g} CPUs, {memory:g} GB" + (f" and {count} {kind}" if kind else "")
        found.notes.append(f"not in the estimate is {name}: no machine of the table has {asked}")
    else:
        found.known.append(Load(name, machine, kind, count, times))


def _turns(raw: Any) -> int | None:
    """How many items a loop has; None when the spec does not say."""
    try:
        items = json.loads(raw)
    except (TypeError, ValueError):
        return None
    return len(items) if isinstance(items, list) else None


def _times(spec: Part, found: Loads) -> Counter[str]:
    """How often each executor runs; a loop over what only the run knows counts once, and is said."""
    times: Counter[str] = Counter()
    components = spec.get("components", {})

    def walk(dag: Part, factor: int) -> None:
        for name, task in dag.get("tasks", {}).items():
            inner = components.get((task.get("componentRef") or {}).get("name", ""), {})
            items = (task.get("parameterIterator") or {}).get("items") or {}
            turns = _turns(items.get("raw"))
            if turns is None and ("parameterIterator" in task or "artifactIterator" in task):
                found.notes.append(f"{name} is counted once: how many items it loops over, only the run knows")
            turns = 1 if turns is None else turns
            times[inner.get("executorLabel", "")] += factor * turns
            walk(inner.get("dag") or {}, factor * turns)

    walk(spec["root"].get("dag") or {}, 1)
    return times
