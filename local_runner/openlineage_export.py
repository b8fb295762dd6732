"""Lineage of a run as OpenLineage events, written to a file or sent to a URL."""

from __future__ import annotations

import datetime
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local_runner.errors import RunnerError, UsageError
from local_runner.records import Artifacts, RunRecord, State, TaskKind, TaskRecord

_PRODUCER = "urn:tandem-pipelines:local_runner"
_TIMEOUT = 30.0


def events(run: RunRecord, tasks: Sequence[TaskRecord]) -> list[str]:
    """A START and a final event for every leaf task that ran, as JSON texts."""
    from openlineage.client.serde import Serde

    return [Serde.to_json(event) for task in tasks for event in _task_events(run, task)]


def _task_events(run: RunRecord, task: TaskRecord) -> Iterator[Any]:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

    if task.kind in (TaskKind.DAG, TaskKind.LOOP) or task.started is None:
        return
    ends = {State.SUCCEEDED: RunState.COMPLETE, State.CACHED: RunState.COMPLETE, State.FAILED: RunState.FAIL}
    same_run = Run(runId=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run.id}/{task.path}/{task.attempt}")))
    job = Job(namespace=run.pipeline, name=task.path)
    inputs = [InputDataset(namespace="file", name=uri) for uri in _addresses(task.inputs)]
    outputs = [OutputDataset(namespace="file", name=uri) for uri in _addresses(task.artifacts)]
    yield RunEvent(
        eventTime=_time(task.started), eventType=RunState.START, run=same_run, job=job, producer=_PRODUCER,
        inputs=inputs, outputs=[],
    )  # fmt: skip
    if task.finished is not None:
        yield RunEvent(
            eventTime=_time(task.finished), eventType=ends.get(task.state, RunState.ABORT), run=same_run, job=job,
            producer=_PRODUCER, inputs=inputs, outputs=outputs,
        )  # fmt: skip


def _addresses(artifacts: Artifacts) -> list[str]:
    return [artifact.uri for found in artifacts.values() for artifact in found]


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def export(texts: Sequence[str], target: str) -> None:
    """Write events to a file (one a line, appended) or post each to an http(s) address.

    Raises:
        UsageError: another kind of address.
        RunnerError: the address does not answer or refuses an event.
    """
    if "://" not in target:
        with Path(target).open("a", encoding="utf-8") as stream:
            stream.writelines(f"{json.dumps(json.loads(text))}\n" for text in texts)
        return
    if not target.startswith(("http://", "https://")):
        raise UsageError(f"cannot export to {target}: expected a file or an http(s) address")
    for text in texts:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(target, data=text.encode(), headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):
                pass
        except (urllib.error.URLError, TimeoutError) as error:
            raise RunnerError(f"{target} did not take an event: {error}") from error
