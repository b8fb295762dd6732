"""What is about to be submitted: a pipeline compiled, placed on a profile, with every parameter it runs with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from components.shared.errors import InputError
from pipelines import compilation, experiments
from pipelines.cloud import bigquery_places, compiled_file, google_tasks, notification, placement, profiles
from pipelines.cloud.compiled_file import yaml_load
from pipelines.cloud.profiles import Profile
from pipelines.cloud.settings import CloudSettings

Target = Literal["vertex", "kfp"]


@dataclass(frozen=True)
class Assembly:
    """A pipeline on its way to a server.

    ``config`` and ``profile_name`` are the names the user gave; ``parameters`` are the values the run is given.
    """

    name: str
    config: str
    profile_name: str
    profile: Profile
    spec: dict[str, Any]
    parameters: dict[str, Any]
    target: Target = "vertex"

    @property
    def text(self) -> str:
        """The spec as it is sent: the same bytes for the same spec."""
        return json.dumps(self.spec, sort_keys=True, indent=1) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of :attr:`text`, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def assemble(
    pipeline: str,
    *,
    config: str | None = None,
    profile: str = "cpu",
    settings: CloudSettings,
    overrides: Sequence[str] = (),
    parameters: Sequence[str] = (),
    target: Target = "vertex",
) -> Assembly:
    """Compile a pipeline, put a profile on it and settle its parameters.

    Args:
        pipeline: a shipped pipeline by name, or a compiled file.
        config: an experiment of a shipped pipeline; its default one when None.
        profile: name or path of a profile.
        settings: images, caching, who is told by e-mail, and what holds for every job: account, key and network.
        overrides: ``section.key=value`` of the experiment.
        parameters: ``name=value`` of the pipeline, the value as YAML.
        target: ``vertex``, or ``kfp`` for a Kubeflow server.

    Raises:
        InputError: names that are unknown, an experiment that is not valid, parameters that are no pairs.
    """
    chosen = profiles.read(profile)
    name, spec, values = _compiled(pipeline, config, overrides)
    values |= _pairs(parameters)
    values = _registered_in_vertex(values, settings, target)
    if target == "vertex":
        values = bigquery_places.filled_in(values, settings)
    placed = placement.place(spec, chosen, settings.images, kubernetes=target == "kfp")
    if settings.caching is not None:
        _cache(placed, settings.caching)
    if settings.notify and target == "vertex":
        placed = notification.with_email(placed, settings.notify)
    if target == "vertex":
        placed = google_tasks.governed(placed, settings)
    label = Path(config).stem if config else ""
    return Assembly(name, label, Path(profile).stem, chosen, placed, values, target)


def _compiled(
    pipeline: str, config: str | None, overrides: Sequence[str]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    if not pipeline.endswith((".yaml", ".yml", ".json")):
        experiment = experiments.resolve(pipeline, config, list(overrides))
        return pipeline, _compile(pipeline), dict(experiment.arguments)
    if config or overrides:
        raise InputError(
            "--config and --set belong to a pipeline given by name; for a compiled file use --param NAME=VALUE"
        )
    spec = compiled_file.read(Path(pipeline))
    return str(spec["pipelineInfo"].get("name", "")), spec, {}


@cache
def _compile(name: str) -> dict[str, Any]:
    """A shipped pipeline, compiled once a process; placing it copies it."""
    spec: dict[str, Any] = yaml_load(compilation.compiled_text(name))
    return spec


def _registered_in_vertex(values: dict[str, Any], settings: CloudSettings, target: Target) -> dict[str, Any]:
    """The parameters with Vertex AI's registry in place of a registry file, which would go with its container.

    A server of one's own can register there as well; a model is found there by Vertex AI's mount of the bucket alone.
    """
    out = dict(values)
    for name in ("register", "model") if target == "vertex" else ("register",):
        section = out.get(name)
        registry = section.get("registry", {}) if isinstance(section, Mapping) else {}
        meant = isinstance(section, Mapping) and registry.get("kind", "mlflow") == "mlflow"
        if meant and "serving" in settings.images:
            out[name] = {**section, "registry": vertex_registry(settings)}
    return out


def vertex_registry(settings: CloudSettings) -> dict[str, Any]:
    """``register.registry`` for the registry of these settings."""
    wanted = {
        "kind": "vertex", "project": settings.project, "location": settings.location, "root": settings.root,
        "serving_image": settings.images.get("serving", ""), "encryption_key": settings.encryption_key,
    }  # fmt: skip
    at = settings.endpoints
    if at.vertex or at.storage:
        wanted |= {"endpoint": at.vertex, "storage_endpoint": at.storage, "anonymous": at.anonymous}
    return wanted


def _pairs(parameters: Sequence[str]) -> dict[str, Any]:
    found, wrong = {}, []
    for pair in parameters:
        name, separator, text = pair.partition("=")
        try:
            found[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            wrong.append(f"--param {pair!r}: the value is not YAML ({' '.join(str(error).split())}); quote it: '\"…\"'")
        if not separator or not name:
            wrong.append(f"--param {pair!r}: expected NAME=VALUE, for example --param seed=3")
    if wrong:
        raise InputError(wrong)
    return found


def _cache(spec: dict[str, Any], on: bool) -> None:
    dags = [spec["root"], *spec.get("components", {}).values()]
    for task in (task for dag in dags for task in dag.get("dag", {}).get("tasks", {}).values()):
        task["cachingOptions"] = {"enableCache": True} if on else {}


def graph(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The graph of a spec without where its tasks run: equal for every profile and target."""
    inputs = {name: component for name, component in spec.get("components", {}).items() if "dag" in component}
    return {"root": spec["root"], "components": inputs}
