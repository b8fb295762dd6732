"""Records as JSON text and back. Folders are stored relative to the store, so that a store can be moved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_runner.records import ArtifactRecord, Artifacts, RunRecord, State, TaskKind, TaskRecord


def run_to_json(run: RunRecord) -> str:
    """A run record as JSON text."""
    values = dict(vars(run), artifacts=_artifacts_to_plain(run.artifacts))
    del values["folder"]
    return json.dumps(values)


def run_from_json(text: str, folder: Path) -> RunRecord:
    """The inverse of :func:`run_to_json`."""
    values = json.loads(text)
    values["artifacts"] = _artifacts_from_plain(values["artifacts"])
    return RunRecord(**{**values, "state": State(values["state"]), "folder": folder})


def task_to_json(task: TaskRecord, root: Path) -> str:
    """A task record as JSON text; its folder relative to the store."""
    values = dict(vars(task), inputs=_artifacts_to_plain(task.inputs), artifacts=_artifacts_to_plain(task.artifacts))
    values["folder"] = str(task.folder).removeprefix(f"{root}{os.sep}")
    return json.dumps(values)


def task_from_json(text: str, root: Path) -> TaskRecord:
    """The inverse of :func:`task_to_json`."""
    values = json.loads(text)
    for key in ("inputs", "artifacts"):
        values[key] = _artifacts_from_plain(values[key])
    typed = {"state": State(values["state"]), "kind": TaskKind(values["kind"]), "folder": root / values["folder"]}
    return TaskRecord(**{**values, **typed})


def _artifacts_to_plain(artifacts: Artifacts) -> dict[str, list[dict[str, Any]]]:
    return {name: [dict(vars(artifact)) for artifact in found] for name, found in artifacts.items()}


def _artifacts_from_plain(plain: Mapping[str, list[dict[str, Any]]]) -> Artifacts:
    return {name: tuple(ArtifactRecord(**values) for values in found) for name, found in plain.items()}
