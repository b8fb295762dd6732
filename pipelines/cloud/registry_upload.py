"""Put the model of a local run into Vertex AI's Model Registry, with the evaluation and export that the run made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.shared.errors import InputError
from pipelines.cloud import assembly
from pipelines.cloud.preflight.containers import image_problems
from pipelines.cloud.settings import CloudSettings


@dataclass(frozen=True)
class Uploaded:
    """A version: ``aliases`` are those it bears now, ``location`` is where its files are."""

    name: str
    number: int
    aliases: tuple[str, ...]
    location: str


def upload(run: str, root: Path, settings: CloudSettings) -> Uploaded:
    """Register the model that a run's register task registered here.

    Args:
        run: id of a run, a unique part of one, or ``latest``.
        root: the run store.
        settings: project, region, bucket and serving image.

    Raises:
        InputError: there is no such run, it registered nothing, or cloud.yaml names no serving image.
        CloudError: Google refused.
    """
    from components.register.candidate import Candidate
    from components.register.config import RegisterConfig
    from components.register.evaluation import Evaluation
    from components.register.registry import open_registry
    from components.shared.artifacts import TrainedModel

    serving = settings.images.get("serving")
    if not serving:
        raise InputError("images.serving: cloud.yaml names no container that serves models. Next: fill it in")
    if found := list(image_problems("images.serving", serving, "serving")):
        raise InputError(found)
    task = registered(run, root)
    section = {**task.parameters["config"], "registry": assembly.vertex_registry(settings)}
    config = RegisterConfig.parse(section, section="register")
    model, evaluation, exported = (_folder(task, name) for name in ("model", "evaluation", "exported"))
    candidate = Candidate.of(
        config,
        TrainedModel.open(model),
        Evaluation.read(evaluation),
        evaluation_path=evaluation,
        exported_path=exported,
    )
    version = open_registry(config.registry).register(candidate)
    return Uploaded(version.name, version.number, version.aliases, version.location)


def registered(run: str, root: Path) -> Any:
    """The record of a run's register task.

    Raises:
        InputError: there is no such run, or none of its tasks has registered a model.
    """
    from local_runner.errors import UsageError
    from local_runner.store import Store

    try:
        with Store(root) as store:
            record = store.run(run)
            tasks = store.tasks(record.id)
    except UsageError as error:
        raise InputError(error.problems) from error
    for task in tasks:
        if task.name == "register" and task.state in ("succeeded", "cached"):
            return task
    raise InputError(
        f"run {record.id} has registered no model (its tasks: {', '.join(task.path for task in tasks)}). "
        "Next: python -m local_runner runs list --state succeeded"
    )


def _folder(task: Any, name: str) -> Path:
    found = {**task.inputs, **task.artifacts}.get(name)
    if not found or not found[0].path.is_dir():
        raise InputError(f"{task.run_id}: its {name} is not there any more; run it again, then upload the new run")
    return Path(found[0].path)
