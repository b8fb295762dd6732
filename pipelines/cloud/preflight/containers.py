"""Images and machines: a reference with a digest, resources that exist, accelerators where they are to be had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.shared import images
from pipelines.cloud import google_tasks, machines, placement
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.settings import CloudSettings

REFERENCE = re.compile(r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9._/-]+(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?")
TASK_TPUS = ("TPU_V2", "TPU_V3")


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:
    """Problems of every container of a spec, also of those inside custom jobs."""
    found: list[str] = []
    for label, container in containers(assembly.spec):
        kind = assembly.profile.image if placement.trains(container) else "cpu"
        found += image_problems(label, str(container.get("image", "")), kind)
        found += _resources(label, container.get("resources") or {}, settings.location, assembly.target)
    for image in serving_images(assembly):
        found += image_problems("images.serving", image, "serving")
    for name, pools in custom_jobs(assembly.spec):
        if assembly.target == "kfp":
            found.append(
                f"{name}: a custom job is Vertex AI's own; for a Kubeflow server choose a profile with by: task"
            )
        found += _pools(name, pools, settings.location, assembly.profile.image)
    return found


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Container sections by executor."""
    for label, executor in ((spec.get("deploymentSpec") or {}).get("executors") or {}).items():
        if isinstance(executor, Mapping) and isinstance(executor.get("container"), Mapping):
            yield label, executor["container"]


def custom_jobs(spec: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Worker pools by component, of components that are custom jobs."""
    for name, component in (spec.get("components") or {}).items():
        inputs = component.get("inputDefinitions", {}) if isinstance(component, Mapping) else {}
        defined = (inputs.get("parameters") or {}).get("worker_pool_specs")
        if defined is not None:
            yield name, defined.get("defaultValue") or []


def serving_images(assembly: Assembly) -> list[str]:
    """Images of the models that a run registers: no task of it runs in one, an endpoint would."""
    register = assembly.parameters.get("register")
    registry = register.get("registry") if isinstance(register, Mapping) else None
    image = registry.get("serving_image") if isinstance(registry, Mapping) else None
    return [str(image)] if image else []


def image_names(spec: Mapping[str, Any]) -> list[str]:
    """Every image that a run of a spec needs, each once."""
    found = [str(container.get("image", "")) for _, container in containers(spec)]
    found += [pool["container_spec"]["image_uri"] for _, pools in custom_jobs(spec) for pool in pools]
    return list(dict.fromkeys(found))


def image_problems(where: str, image: str, kind: str) -> Iterator[str]:
    """Why an image cannot be used; ``kind`` is its key in ``cloud.yaml``."""
    if image in (images.BASE, images.SUITE):
        yield f"{where}: no image is named for it. Next: fill in images.{kind} in cloud.yaml"
    elif not REFERENCE.fullmatch(image):
        yield f"{where}: {image!r} is not the name of an image; expected HOST/PROJECT/REPOSITORY/NAME@sha256:DIGEST"
    elif "@sha256:" not in image and not image.startswith(google_tasks.PUBLIC):
        yield (
            f"{where}: image {image} has no digest, so that it may be another one tomorrow, also to the cache. "
            f"Next: gcloud artifacts docker images describe {image} --format='value(image_summary.digest)'"
        )


def _resources(where: str, resources: Mapping[str, Any], location: str, target: str) -> Iterator[str]:
    cpu, memory = number(resources.get("cpuLimit")), number(resources.get("memoryLimit"))
    accelerator = resources.get("accelerator") or {}
    kind, count = str(accelerator.get("type", "")), int(number(accelerator.get("count")) or 0)
    if target != "vertex":
        return
    if (cpu or 0) > machines.TASK_CPUS:
        yield f"{where}: a task may ask for {machines.TASK_CPUS} CPUs, got {cpu:g}; use a profile with by: custom_job"
    if (memory or 0) > machines.TASK_MEMORY:
        yield (
            f"{where}: a task may ask for {machines.TASK_MEMORY} GB, got {memory:g}; use a profile with by: custom_job"
        )
    if kind.startswith("TPU") and kind not in TASK_TPUS:
        yield f"{where}: a task takes no {kind}, only a custom job does; use a profile tpu-v5e-1, -4 or -8"
    elif kind and not kind.startswith("TPU"):
        yield from _fits(where, kind, count, cpu or 0, memory or 0)
    if kind:
        yield from (f"{where}: {problem}" for problem in machines.region_problems("", kind, location))


def _fits(where: str, kind: str, count: int, cpu: float, memory: float) -> Iterator[str]:
    hosts = {name: each for name, each in machines.table().machines.items() if kind in each.accelerators}
    if not hosts:
        known = sorted({name for each in machines.table().machines.values() for name in each.accelerators})
        yield f"{where}: unknown accelerator {kind}; known: {', '.join(known)}"
        return
    counts = sorted({number for each in hosts.values() for number in each.accelerators[kind]})
    if count not in counts:
        yield f"{where}: {kind} comes in {', '.join(map(str, counts))}, not {count}; change accelerators in the profile"
        return
    with_count = [each for each in hosts.values() if count in each.accelerators[kind]]
    if not any(cpu <= each.cpu and memory <= each.memory for each in with_count):
        largest = max(with_count, key=lambda each: each.cpu)
        yield (
            f"{where}: no machine with {count} {kind} has {cpu:g} CPUs and {memory:g} GB; the largest has "
            f"{largest.cpu} and "
            f"{largest.memory:g}; change machine in the profile"
        )


def _pools(where: str, pools: list[Any], location: str, image: str) -> Iterator[str]:
    if not pools:
        yield f"{where}: a custom job without worker pools; compile it from a profile with by: custom_job"
    for number, pool in enumerate(pools):
        spec = pool.get("machine_spec") or {}
        machine, kind = spec.get("machine_type", ""), spec.get("accelerator_type", "")
        found = machines.problems(
            machine, kind, int(spec.get("accelerator_count") or 0), topology=spec.get("tpu_topology", "")
        )
        known = machines.get(machine)
        if known and known.topology and (len(pools) > 1 or pool.get("replica_count") != 1):
            found.append(f"machine {machine}: expected one worker pool of one replica; write workers: 1")
        if number == 0 and pool.get("replica_count") != 1:
            found.append(f"the first pool is the chief: expected replica_count 1, got {pool.get('replica_count')}")
        found += machines.region_problems(machine, kind, location)
        yield from (f"{where} pool {number}: {problem}" for problem in found)
        name = str((pool.get("container_spec") or {}).get("image_uri", ""))
        yield from image_problems(f"{where} pool {number}", name, image)


def number(value: Any) -> float | None:
    """A value as a number; None for one that is none, which the check of fields says."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
