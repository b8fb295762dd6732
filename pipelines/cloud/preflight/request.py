"""The request around the spec: names, labels and addresses, and what is worth knowing of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.cloud import google_tasks, placement
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.settings import CloudSettings

_KEY, _VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_RUN = re.compile(r"[a-z][a-z0-9-]{0,127}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
VERTEX_ONLY = (
    "service_account", "network", "reserved_ip_ranges", "network_attachment", "encryption_key", "labels", "notify",
    "failure_policy",
)  # fmt: skip
OWN_LABELS = "tandem_"
LABELS = 64 - 5
"""Labels of one's own: Vertex AI takes 64 and five say what the run is made of."""


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:  # noqa: ARG001  one signature for all checks
    """Problems of labels and addresses."""
    found = [
        f"labels.{key}: expected small letters, digits, _ and - (63 at most, the key beginning with a letter), "
        f"got {value!r}"
        for key, value in settings.labels.items()
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value)
    ]
    found += [
        f"labels.{key}: names that begin with {OWN_LABELS} are taken by what says what a run is made of; choose another"
        for key in settings.labels
        if key.startswith(OWN_LABELS)
    ]
    if len(settings.labels) > LABELS:
        found.append(f"labels: Vertex AI takes {LABELS} of your own, got {len(settings.labels)}; leave some out")
    found += [f"notify: {mail!r} is not an e-mail address" for mail in settings.notify if not _MAIL.fullmatch(mail)]
    return found


def check_run_name(run: str) -> list[str]:
    """Problems of a run's name."""
    if _RUN.fullmatch(run):
        return []
    return [f"run name {run!r}: expected up to 128 small letters, digits and hyphens; choose another --request-id"]


def notes(assembly: Assembly, settings: CloudSettings) -> list[str]:
    """What is worth knowing before a submission."""
    found = [*_accelerators(assembly), *_public_images(assembly), *_registry_elsewhere(assembly)]
    if assembly.target == "kfp" and (ignored := [key for key in VERTEX_ONLY if key in settings.model_fields_set]):
        found.append(f"a Kubeflow server is told nothing of these keys of cloud.yaml: {', '.join(ignored)}")
    return found


def _registry_elsewhere(assembly: Assembly) -> list[str]:
    section = assembly.parameters.get("register")
    registry = section.get("registry", {}) if isinstance(section, Mapping) else {}
    if assembly.target != "kfp" or registry.get("kind") != "vertex":
        return []
    return [
        f"register puts the model into Vertex AI's registry of {registry.get('project')}: tasks of the Kubeflow server "
        "need Google credentials for it"
    ]


def _public_images(assembly: Assembly) -> list[str]:
    if assembly.target == "kfp":
        return []
    return [
        f"{image} is public, from outside your project. Where that is not allowed: copy it into a registry of your own "
        "and name the copy with its digest as images.launcher in cloud.yaml"
        for image in google_tasks.public_images(assembly.spec)
    ]


def _accelerators(assembly: Assembly) -> list[str]:
    """Accelerators that would be paid for and not used."""
    executors = assembly.spec.get("deploymentSpec", {}).get("executors", {}).values()
    wrapped = any("worker_pool_specs" in str(component) for component in assembly.spec.get("components", {}).values())
    trains = wrapped or any(placement.trains(each["container"]) for each in executors if "container" in each)
    profile, name = assembly.profile, assembly.profile_name
    if not trains and (profile.accelerator or profile.topology):
        return [f"{assembly.name} trains nothing, so that the accelerator of profile {name} is not used"]
    if trains and profile.chips > 1:
        idle = f"the other {profile.chips - 1} of profile {name} are paid for idle"
        return [
            f"{section} trains on one accelerator ({why}); {idle}"
            for section, why in _on_one_accelerator(assembly.parameters)
        ]
    return []


def _on_one_accelerator(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Training sections that use one accelerator whatever the profile has, each with the reason.

    Which Keras backend an image of one's own runs cannot be known from here; the shipped images run TensorFlow.
    """
    found = []
    for name, section in parameters.items():
        if not (name == "train" or name.startswith("train_")) or not isinstance(section, Mapping):
            continue
        model = section.get("model")
        if isinstance(model, Mapping) and model.get("kind") == "dart":
            found.append((name, "boosted trees grow on one machine"))
        elif section.get("distribution") == "off":
            found.append((name, "distribution: off"))
    return found
