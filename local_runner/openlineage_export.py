"""Lineage of a run as OpenLineage events, written to a file or sent to a URL.

The run is one OpenLineage run, and each task that ran another, with the run as its parent. Identifiers follow from the
records, so that exporting a run again repeats the same events rather than adding a second run.
"""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local_runner import closure
from local_runner.errors import RunnerError, UsageError
from local_runner.records import ArtifactRecord, Artifacts, RunRecord, State, TaskKind, TaskRecord

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent

PRODUCER = "urn:tandem-pipelines:local_runner"
NAMESPACE = "tandem"
"""Namespace of jobs."""

_TIMEOUT = 30.0
_RETRY = {"total": 3, "read": 3, "connect": 1, "backoff_factor": 0.2}
_ENDS = {
    State.SUCCEEDED: "COMPLETE",
    State.CACHED: "COMPLETE",
    State.FAILED: "FAIL",
    State.INTERRUPTED: "ABORT",
}


def events(run: RunRecord, tasks: Sequence[TaskRecord]) -> list[RunEvent]:
    """A START and a final event of the run, and between them a pair for every leaf task that ran.

    Raises:
        UsageError: the OpenLineage client is not installed.
    """
    try:
        from openlineage.client import event_v2  # noqa: F401
    except ImportError:
        raise UsageError(
            "the OpenLineage client is not installed; install it with: pip install 'tandem-pipelines[lineage]'"
        ) from None
    loops = {task.path for task in tasks if task.kind == TaskKind.LOOP}
    ran = [task for task in tasks if task.kind not in (TaskKind.DAG, TaskKind.LOOP) and task.started is not None]
    inner = [event for task in ran for event in _task_events(run, task, loops)]
    first, *last = _run_events(run, ran)
    return [first, *sorted(inner, key=lambda event: event.eventTime), *last]


def export(found: Sequence[RunEvent], target: str) -> None:
    """Write events to a file, one a line, or post each to an http(s) address.

    A file is replaced as a whole. ``OPENLINEAGE_API_KEY`` is sent as the bearer token when it is set.

    Raises:
        UsageError: another kind of address, or a file that cannot be written.
        RunnerError: the address does not answer or refuses an event.
    """
    if "://" not in target:
        _write(found, Path(target))
    elif target.startswith(("http://", "https://")):
        _post(found, target)
    else:
        raise UsageError(f"cannot export to {target}: expected a file or an http(s) address")


# -- what happened -----------------------------------------------------------------------------------------------------


def _run_events(run: RunRecord, tasks: Sequence[TaskRecord]) -> Iterator[RunEvent]:
    job, moments = _job(run.pipeline, "PIPELINE"), [run.created, *_moments(tasks)]
    facets = {"processing_engine": _engine(), **_error(run.state, run.error, "")}
    same_run = _run(run, run.created, "", facets)
    yield _event("START", run.created, same_run, job, (), ())
    if run.state.finished:  # a killed run has no end of its own: the last that is known of it
        yield _event(_ENDS[run.state], run.finished or max(moments), same_run, job, (), ())


def _task_events(run: RunRecord, task: TaskRecord, loops: set[str]) -> Iterator[RunEvent]:
    from openlineage.client.facet_v2 import parent_run

    if task.started is None:
        return
    job = _job(f"{run.pipeline}.{_job_name(task.path, loops)}", "TASK")
    above = parent_run.ParentRunFacet(
        run=parent_run.Run(runId=_id(run, run.created, "")),
        job=parent_run.Job(namespace=NAMESPACE, name=run.pipeline),
        producer=PRODUCER,
    )
    facets = {
        "parent": above,
        "processing_engine": _engine(),
        **_error(task.state, task.error, task.traceback),
    }
    same_run = _run(run, task.started, f"{task.path}/{task.attempt}", facets)
    inputs = [_input(artifact) for artifact in _each(task.inputs)]
    yield _event("START", task.started, same_run, job, inputs, ())
    if task.state.finished:
        outputs = [_output(artifact) for artifact in _each(task.artifacts)]
        yield _event(_ENDS[task.state], task.finished or task.started, same_run, job, inputs, outputs)


def _moments(tasks: Sequence[TaskRecord]) -> list[float]:
    return [moment for task in tasks for moment in (task.started, task.finished) if moment is not None]


def _job_name(path: str, loops: set[str]) -> str:
    """A task's path without iteration numbers: every iteration is a run of the same job."""
    parts = path.split("/")
    return "/".join(part for i, part in enumerate(parts) if "/".join(parts[:i]) not in loops)


def _event(
    kind: str, seconds: float, run: Run, job: Job, inputs: Sequence[InputDataset], outputs: Sequence[OutputDataset]
) -> RunEvent:
    from openlineage.client.event_v2 import RunEvent, RunState

    return RunEvent(
        eventTime=_time(seconds).isoformat(), eventType=RunState(kind), run=run, job=job, producer=PRODUCER,
        inputs=list(inputs), outputs=list(outputs),
    )  # fmt: skip


def _run(run: RunRecord, began: float, part: str, facets: Mapping[str, Any]) -> Run:
    from openlineage.client.event_v2 import Run

    return Run(runId=_id(run, began, part), facets=dict(facets))


def _id(run: RunRecord, began: float, part: str) -> str:
    from openlineage.client.uuid import generate_static_uuid

    return str(generate_static_uuid(_time(began), f"{run.id}/{part}".encode()))


def _job(name: str, kind: str) -> Job:
    from openlineage.client.event_v2 import Job
    from openlineage.client.facet_v2 import job_type_job

    facet = job_type_job.JobTypeJobFacet("BATCH", "KUBEFLOW_PIPELINES", kind, producer=PRODUCER)
    return Job(namespace=NAMESPACE, name=name, facets={"jobType": facet})


def _engine() -> Any:
    from openlineage.client.facet_v2 import processing_engine_run

    version, client = closure.version("tandem-pipelines"), closure.version("openlineage-python")
    return processing_engine_run.ProcessingEngineRunFacet(version, "local_runner", client, producer=PRODUCER)


def _error(state: State, message: str, traceback: str) -> dict[str, Any]:
    if state != State.FAILED:
        return {}
    from openlineage.client.facet_v2 import error_message_run

    found = error_message_run.ErrorMessageRunFacet(message, "PYTHON", traceback or None, producer=PRODUCER)
    return {"errorMessage": found}


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


# -- datasets ----------------------------------------------------------------------------------------------------------


def address(uri: str) -> tuple[str, str]:
    """Namespace and name of an artifact, as OpenLineage's naming rules want them.

    Example:
        >>> address("gs://bucket/runs/model"), address("/runs/model")
        (('gs://bucket', 'runs/model'), ('file', '/runs/model'))
    """
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return (f"file://{parts.netloc}" if parts.netloc else "file"), parts.path if parts.scheme else uri
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/") or "/"


def _each(artifacts: Artifacts) -> list[ArtifactRecord]:
    """Every artifact once, though several inputs may name it."""
    return list({artifact.uri: artifact for found in artifacts.values() for artifact in found}.values())


def _input(artifact: ArtifactRecord) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    namespace, name = address(artifact.uri)
    return InputDataset(namespace=namespace, name=name, facets=_dataset_facets(artifact, _manifest(artifact)))


def _output(artifact: ArtifactRecord) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    namespace, name = address(artifact.uri)
    manifest = _manifest(artifact)
    rows = manifest.get("rows")
    counted = statistics.OutputStatisticsOutputDatasetFacet(
        rowCount=rows if isinstance(rows, int) else None, fileCount=len(artifact.files) or None, producer=PRODUCER
    )
    facets = _dataset_facets(artifact, manifest)
    return OutputDataset(namespace=namespace, name=name, facets=facets, outputFacets={"outputStatistics": counted})


def _dataset_facets(artifact: ArtifactRecord, manifest: Mapping[str, Any]) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, datasource_dataset, schema_dataset

    namespace, _ = address(artifact.uri)
    source = namespace if "://" in namespace else "file:///"
    facets: dict[str, Any] = {
        "dataSource": datasource_dataset.DatasourceDatasetFacet(namespace, source, producer=PRODUCER)
    }
    if artifact.digest:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(artifact.digest, producer=PRODUCER)
    columns = [
        schema_dataset.SchemaDatasetFacetFields(str(c["name"]), str(c.get("dtype", "")) or None, c.get("description"))
        for c in manifest.get("columns") or []
        if isinstance(c, dict) and "name" in c
    ]
    if columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(columns, producer=PRODUCER)
    return facets


def _manifest(artifact: ArtifactRecord) -> Mapping[str, Any]:
    """The ``schema.json`` of a table artifact; empty for everything else, and for one that is gone or unreadable."""
    try:
        found = json.loads((Path(artifact.uri.removeprefix("file://")) / "schema.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# -- delivery ----------------------------------------------------------------------------------------------------------


def _write(found: Sequence[RunEvent], target: Path) -> None:
    from openlineage.client.serde import Serde

    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, suffix=".new", delete=False) as new:
            new.writelines(f"{Serde.to_json(event)}\n" for event in found)
        Path(new.name).replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}; name a file in a folder that exists") from error


def _post(found: Sequence[RunEvent], target: str) -> None:
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
    from requests.exceptions import RequestException

    parts = urlsplit(target)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    given: dict[str, Any] = {"endpoint": path} if path else {}
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        given["auth"] = ApiKeyTokenProvider({"apiKey": key})
    defaults = HttpConfig(url=target).retry
    base = f"{parts.scheme}://{parts.netloc}/"
    transport = HttpTransport(HttpConfig(url=base, timeout=_TIMEOUT, retry={**defaults, **_RETRY}, **given))
    try:
        for count, event in enumerate(found):
            try:
                transport.emit(event)
            except RequestException as error:
                raise RunnerError(_refused(target, count, len(found), error)) from error
    finally:
        transport.close()


def _refused(target: str, taken: int, of: int, error: Exception) -> str:
    reason = str(error.__cause__ or error.args[0] if error.args else error)
    return f"{target} took {taken} of {of} events and then: {reason}. Exporting again repeats none of them twice"
