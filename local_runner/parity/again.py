"""A task of a finished run, run again: the same executor input, with outputs in another folder."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_runner.component_code import embedded_source, function_name
from local_runner.executor import read_outputs
from local_runner.inputs import ArtifactLists, Parameters
from local_runner.job import Job, Names, executor_input
from local_runner.parity.places import Place
from local_runner.placeholders import Placeholders
from local_runner.plan import Pipeline
from local_runner.records import RunRecord, TaskKind, TaskRecord


@dataclass(frozen=True)
class Again:
    """How a task ended the second time; ``error`` is empty when it ended well."""

    parameters: Parameters
    artifacts: ArtifactLists
    seconds: float
    error: str = ""


def comparable(tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
    """The tasks of a run that an image would run: Python components that ended well."""
    return [task for task in tasks if task.kind == TaskKind.PYTHON and task.state.good]


def run_again(pipeline: Pipeline, run: RunRecord, task: TaskRecord, place: Place, folder: Path) -> Again:
    """Run one task at a place, on the inputs that the run recorded.

    Args:
        pipeline: the plan of the run.
        run, task: the records.
        place: where to run it.
        folder: an empty folder for its outputs and its log, inside the store.
    """
    job = _job(pipeline, run, task, folder)
    for parameter in (job.component.get("outputDefinitions") or {}).get("parameters") or {}:
        job.parameter_file(parameter).parent.mkdir(parents=True, exist_ok=True)
    message = executor_input(job)
    _write(folder / "executor_input.json", message)
    placeholders = Placeholders(job.names, job.name, job.path, message)
    environment = {name: placeholders.fill(value) for name, value in job.environment.items()}
    log = folder / "log.txt"
    begun = time.monotonic()
    code = place.run(_command(job, placeholders, message), environment, run.folder.parent.absolute(), log)
    seconds = time.monotonic() - begun
    if code:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        return Again({}, {}, seconds, f"ended with code {code}: {last[0]} (log: {log})")
    parameters, artifacts = read_outputs(job)
    return Again(parameters, artifacts, seconds)


def _job(pipeline: Pipeline, run: RunRecord, task: TaskRecord, folder: Path) -> Job:
    # The iteration numbers of a path are not in the compiled file.
    static = re.sub(r"/\d+(?=/)", "", task.path)
    planned = next(found for path, found in pipeline.walk() if path == static)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.created))
    names = Names(pipeline.name, run.id, created, str(run.folder))
    inputs = {name: tuple(dataclasses.replace(r) for r in records) for name, records in task.inputs.items()}
    return Job(
        names, task.path, task.name, task.kind, task.attempt, folder, pipeline.components[planned.component],
        pipeline.executor(planned.component), dict(task.parameters), inputs,
    )  # fmt: skip


def _command(job: Job, placeholders: Placeholders, message: dict[str, Any]) -> list[str]:
    """The compiled command. A lightweight component's would install packages first; its source is run as it is."""
    source = embedded_source(job.container)
    if source is None:
        return [*placeholders.command(job.container.get("command") or []),
                *placeholders.command(job.container.get("args") or [])]  # fmt: skip
    module = job.folder / "component.py"
    module.write_text(source, encoding="utf-8")
    return ["python3", "-m", "kfp.dsl.executor_main", "--component_module_path", str(module),
            "--executor_input", json.dumps(message), "--function_to_execute", function_name(job.container)]  # fmt: skip


def _write(path: Path, content: Any) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(content, indent=1), encoding="utf-8")
    scratch.replace(path)
