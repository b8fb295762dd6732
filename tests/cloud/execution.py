"""Vertex AI with hands: the local runner executes what was submitted, and its states become the job's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.cloud import aiplatform_v1
from google.protobuf import json_format

if TYPE_CHECKING:
    from cloud.vertex import Vertex

_TASK = aiplatform_v1.PipelineTaskDetail.State
_TASKS = {
    "pending": _TASK.PENDING, "running": _TASK.RUNNING, "succeeded": _TASK.SUCCEEDED, "cached": _TASK.SKIPPED,
    "failed": _TASK.FAILED, "skipped": _TASK.NOT_TRIGGERED, "interrupted": _TASK.CANCELLED,
}  # fmt: skip
_JOB = aiplatform_v1.PipelineState
CANCELLED, FAILED, SUCCEEDED = (
    _JOB.PIPELINE_STATE_CANCELLED, _JOB.PIPELINE_STATE_FAILED, _JOB.PIPELINE_STATE_SUCCEEDED,
)  # fmt: skip


def by_local_runner(folder: Path) -> Callable[[Vertex, str], None]:
    """What the stand-in calls with a new job: run its spec in a process of its own, and report."""

    def execute(vertex: Vertex, name: str) -> None:
        with vertex.lock:
            job = vertex.resources[name]
            spec = json_format.MessageToDict(job.pipeline_spec)
            values = json_format.MessageToDict(job.runtime_config).get("parameterValues", {})
            job.state = _JOB.PIPELINE_STATE_RUNNING
        place = folder / name.split("/")[-1]
        place.mkdir(parents=True)
        (place / "spec.json.yaml").write_text(json.dumps(spec))
        words = [word for key, value in values.items() for word in ("--param", f"{key}={_text(value)}")]
        with (place / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "local_runner", "run", str(place / "spec.json.yaml"),
                    "--root", str(place / "runs"), *words,
                ],
                stdout=log, stderr=log, cwd=place, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip
        while process.poll() is None:
            _report(vertex, job, place / "runs")
            if job.state == _JOB.PIPELINE_STATE_CANCELLING:
                process.terminate()
            time.sleep(0.05)
        _report(vertex, job, place / "runs")
        with vertex.lock:
            if job.state == _JOB.PIPELINE_STATE_CANCELLING:
                job.state = CANCELLED
            else:
                job.state = SUCCEEDED if process.returncode == 0 else FAILED
                job.error.message = "" if process.returncode == 0 else (place / "log.txt").read_text()[-300:]

    return execute


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _report(vertex: Vertex, job: Any, root: Path) -> None:
    """The runner's task records as the job's task details."""
    from local_runner.store import Store

    if not (root / "store.sqlite").is_file():
        return
    with Store(root) as store:
        found = [task for run in store.runs() for task in store.tasks(run.id)]
    with vertex.lock:
        del job.job_detail.task_details[:]
        for task in found:
            detail = aiplatform_v1.PipelineTaskDetail.pb()(task_name=task.path, state=_TASKS[task.state])
            if task.started and task.finished:
                detail.start_time.FromNanoseconds(int(task.started * 1e9))
                detail.end_time.FromNanoseconds(int(task.finished * 1e9))
            detail.error.message = task.error[:300] if task.error else ""
            job.job_detail.task_details.append(detail)
