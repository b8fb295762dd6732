"""Put a profile on a compiled pipeline: the graph stays as it is, only where each task runs changes.

This works on the compiled file rather than on the graph's source, so that there is one graph and it cannot drift.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from components.shared import images
from pipelines.cloud import machines
from pipelines.cloud.profiles import Profile

Spec = dict[str, Any]

KUBERNETES_GPU = "nvidia.com/gpu"
"""What a self-hosted Kubeflow calls an NVIDIA GPU."""


def place(spec: Spec, profile: Profile, image_names: Mapping[str, str], *, kubernetes: bool = False) -> Spec:
    """A copy of a compiled pipeline whose tasks run where the profile says.

    Args:
        spec: the compiled pipeline.
        profile: training tasks run on its machine, the others on ``others``.
        image_names: image by kind (cpu, gpu, tpu); a kind that is not named keeps its symbolic image.
        kubernetes: the pipeline goes to a Kubeflow server, which has its own word for a GPU.
    """
    placed = copy.deepcopy(spec)
    executors = placed["deploymentSpec"]["executors"]
    components = placed.get("components", {})
    for label, executor in executors.items():
        container = executor.get("container")
        if container is None or container.get("image") not in (images.BASE, images.SUITE):
            continue  # an importer, or a component of somebody else with an image of its own
        training = trains(container)
        kind = profile.image if training else "cpu"
        container["image"] = image_names.get(kind, container["image"])
        if training and profile.by == "custom_job":
            name = next(name for name, component in components.items() if component.get("executorLabel") == label)
            components[name], executors[label] = _wrapped(components[name], container, profile, label)
        elif training:
            container["resources"] = _resources(
                profile.machine, KUBERNETES_GPU if kubernetes and profile.accelerator else profile.accelerator,
                profile.accelerators,
            )  # fmt: skip
        else:
            container["resources"] = _resources(profile.others, "", 0)
    return placed


def trains(container: Mapping[str, Any]) -> bool:
    """Whether a container runs a training component: one whose function is ``train``, or ``train_`` and a word."""
    function = function_of(container)
    return function == "train" or function.startswith("train_")


def function_of(container: Mapping[str, Any]) -> str:
    """Name of the Python function that a container runs, empty for other containers."""
    words = [*container.get("command", []), *container.get("args", [])]
    return words[words.index("--function_to_execute") + 1] if "--function_to_execute" in words else ""


def _resources(machine: str, accelerator: str, count: int) -> dict[str, Any]:
    """Limits as KFP 2.13 compiles them: numbers for Vertex AI, text for Kubernetes."""
    known = machines.table().machines[machine]
    resources: dict[str, Any] = {
        "cpuLimit": float(known.cpu), "memoryLimit": known.memory,
        "resourceCpuLimit": str(known.cpu), "resourceMemoryLimit": f"{known.memory:g}G",
    }  # fmt: skip
    if accelerator:
        resources["accelerator"] = {
            "type": accelerator, "count": str(count), "resourceType": accelerator, "resourceCount": str(count),
        }  # fmt: skip
    return resources


def _wrapped(component: Spec, container: Spec, profile: Profile, label: str) -> tuple[Spec, Spec]:
    """The component and executor sections of Google's custom job around a component."""
    from google.protobuf import json_format
    from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
    from kfp import components as kfp_components

    alone = kfp_components.load_component_from_text(json.dumps(_alone(component, container)))
    job = create_custom_training_job_from_component(
        alone,
        display_name=alone.name,
        machine_type=profile.machine,
        accelerator_type=profile.accelerator,
        accelerator_count=profile.accelerators or 1,
        replica_count=profile.workers,
        boot_disk_size_gb=profile.disk,
        boot_disk_type="" if profile.topology else "pd-ssd",  # TPU machines have a disk of their own kind
        timeout=f"{profile.timeout}s",
        strategy="SPOT" if profile.spot else "STANDARD",
        # Training keeps its state after each epoch beside its output, where a new machine finds it.
        restart_job_on_worker_restart=profile.spot or profile.workers > 1,
        env=container.get("env"),
    )
    made = json_format.MessageToDict(job.pipeline_spec)
    (wrapped,) = made["components"].values()
    (executor,) = made["deploymentSpec"]["executors"].values()
    wrapped["executorLabel"] = label
    if profile.topology:  # the wrapper has no argument for it
        for pool in wrapped["inputDefinitions"]["parameters"]["worker_pool_specs"]["defaultValue"]:
            pool["machine_spec"]["tpu_topology"] = profile.topology
    return wrapped, executor


def _alone(component: Spec, container: Spec) -> Spec:
    """A component as a pipeline of one task, the form in which KFP reads one."""
    name = function_of(container)
    inputs, outputs = component.get("inputDefinitions", {}), component.get("outputDefinitions", {})
    task: Spec = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, "inputs": {}}
    for section, key in (("parameters", "componentInputParameter"), ("artifacts", "componentInputArtifact")):
        if inputs.get(section):
            task["inputs"][section] = {each: {key: each} for each in inputs[section]}
    return {
        "pipelineInfo": {"name": name},
        "root": {"dag": {"tasks": {name: task}}, "inputDefinitions": inputs, "outputDefinitions": outputs},
        "components": {f"comp-{name}": {**component, "executorLabel": f"exec-{name}"}},
        "deploymentSpec": {"executors": {f"exec-{name}": {"container": container}}},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.13.0",
    }
