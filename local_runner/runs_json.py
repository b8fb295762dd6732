"""Runs and tasks as plain values, for ``--json``: times as ISO texts, folders as paths, nothing internal."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from local_runner.compare import Comparison
from local_runner.records import Artifacts, RunRecord, TaskRecord


def run(record: RunRecord, tasks: Sequence[TaskRecord] | None = None) -> dict[str, Any]:
    """One run; its tasks in the order they started when they are given."""
    values = {
        "id": record.id,
        "pipeline": record.pipeline,
        "state": record.state.value,
        "created": _time(record.created),
        "finished": _time(record.finished),
        "seconds": record.seconds,
        "folder": str(record.folder),
        "arguments": dict(record.arguments),
        "options": dict(record.options),
        "outputs": dict(record.outputs),
        "artifacts": _artifacts(record.artifacts),
        "error": record.error,
        "machine": record.machine,
        "device": record.device,
        "device_reason": record.device_reason,
        "note": record.note,
    }
    return values if tasks is None else {**values, "tasks": [task(one) for one in tasks]}


def task(record: TaskRecord) -> dict[str, Any]:
    """One task."""
    return {
        "path": record.path,
        "name": record.name,
        "kind": record.kind.value,
        "state": record.state.value,
        "attempt": record.attempt,
        "started": _time(record.started),
        "finished": _time(record.finished),
        "seconds": record.seconds,
        "parameters": dict(record.parameters),
        "inputs": _artifacts(record.inputs),
        "outputs": dict(record.outputs),
        "artifacts": _artifacts(record.artifacts),
        "folder": str(record.folder),
        "error": record.error,
        "cache_key": record.cache_key,
        "peak_memory": record.peak_memory,
        "reused_from": record.reused_from,
    }


def comparison(found: Comparison) -> dict[str, Any]:
    """Two runs side by side."""
    return dataclasses.asdict(found)


def _artifacts(artifacts: Artifacts) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            {"type": one.type, "uri": one.uri, "metadata": dict(one.metadata), "digest": one.digest} for one in found
        ]
        for name, found in artifacts.items()
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
