"""Records as JSON text and back.

Folders, and addresses of artifacts that lie in the store, are kept relative to it, so that a store can be moved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_runner.records import ArtifactRecord, Artifacts, RunRecord, State, TaskKind, TaskRecord

_STORE = "store:"
"""Begins the address of an artifact that lies in the store."""


def portable(uri: str, root: Path) -> str:
    """An artifact's address as it is kept: ``store:RUN/tasks/…`` inside the store, else unchanged."""
    inside = f"{root}{os.sep}"
    return f"{_STORE}{uri[len(inside) :]}" if uri.startswith(inside) else uri


def run_to_json(run: RunRecord) -> str:
    """A run record as JSON text."""
    values = dict(vars(run), artifacts=_artifacts_to_plain(run.artifacts, run.folder.parent))
    del values["folder"]
    return json.dumps(values)


def run_from_json(text: str, folder: Path) -> RunRecord:
    """The inverse of :func:`run_to_json`."""
    values = json.loads(text)
    values["artifacts"] = _artifacts_from_plain(values["artifacts"], folder.parent)
    return RunRecord(**{**values, "state": State(values["state"]), "folder": folder})


def task_to_json(task: TaskRecord, root: Path) -> str:
    """A task record as JSON text; its folder relative to the store."""
    moved = {key: _artifacts_to_plain(getattr(task, key), root) for key in ("inputs", "artifacts")}
    values = {**vars(task), **moved}
    values["folder"] = str(task.folder).removeprefix(f"{root}{os.sep}")
    return json.dumps(values)


def task_from_json(text: str, root: Path) -> TaskRecord:
    """The inverse of :func:`task_to_json`."""
    values = json.loads(text)
    for key in ("inputs", "artifacts"):
        values[key] = _artifacts_from_plain(values[key], root)
    typed = {"state": State(values["state"]), "kind": TaskKind(values["kind"]), "folder": root / values["folder"]}
    return TaskRecord(**{**values, **typed})


def _artifacts_to_plain(artifacts: Artifacts, root: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{**vars(artifact), "uri": portable(artifact.uri, root)} for artifact in found]
        for name, found in artifacts.items()
    }


def _artifacts_from_plain(plain: Mapping[str, list[dict[str, Any]]], root: Path) -> Artifacts:
    return {
        name: tuple(ArtifactRecord(**{**values, "uri": _placed(values["uri"], root)}) for values in found)
        for name, found in plain.items()
    }


def _placed(uri: str, root: Path) -> str:
    """The inverse of :func:`portable`."""
    return f"{root}{os.sep}{uri[len(_STORE) :]}" if uri.startswith(_STORE) else uri
