"""The task desk: opens and closes task records, turns tasks into jobs, answers from the cache or an earlier run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_runner import digests, inputs, task_progress
from local_runner.cache import Cache, intact
from local_runner.capture import LogTail
from local_runner.errors import MissingInputError
from local_runner.events import Observer
from local_runner.inputs import ArtifactLists, Outcome, Parameters, Resolved, Values
from local_runner.job import Job, Names, Result, executor_input
from local_runner.placeholders import Placeholders
from local_runner.plan import DEADLINE, Pipeline
from local_runner.records import State, TaskKind, TaskRecord
from local_runner.scopes import Turn
from local_runner.store import Store

_LONG = 1.0
"""Seconds of work that are too many to lose."""


@dataclass(frozen=True)
class TaskOptions:
    """How tasks are run.

    Attributes:
        cache: results may be taken from the cache; ``uncached`` names tasks for which they may not.
        timeout: seconds by task name; the empty name holds for every task.
        stubs: values that stand for what a task would return, by task, component or path.
        resumed: the run has been worked on before; its finished tasks count.
        skip: paths of tasks that are not to run.
        reuse: finished tasks of an earlier run to take over as they are, by path.
    """

    cache: bool = True
    uncached: frozenset[str] = frozenset()
    timeout: Mapping[str, float] = field(default_factory=dict)
    stubs: Mapping[str, Any] = field(default_factory=dict)
    allow_host: bool = False
    profile: Mapping[str, str] = field(default_factory=dict)
    debug: bool = False
    resumed: bool = False
    reuse: Callable[[str], TaskRecord | None] = lambda _: None
    skip: frozenset[str] = frozenset()


@dataclass
class TaskDesk:
    """Keeps the records of one run's tasks."""

    pipeline: Pipeline
    store: Store
    cache: Cache
    names: Names
    folder: Path
    observer: Observer
    tail: LogTail
    options: TaskOptions

    # -- before a task ---------------------------------------------------------------------------------------------

    def known(self, turn: Turn) -> Outcome | None:
        """The outcome of a task that finished before this run was interrupted, or that is taken over."""
        if not turn.first:
            return None
        record = self.store.task(self.names.run_id, turn.path) if self.options.resumed else None
        if record is not None and record.state.good and intact(record):
            return _outcome(record)
        taken = self.options.reuse(turn.path)
        return self._take_over(turn, taken, taken.cache_key, taken.fingerprint) if taken is not None else None

    def job(self, turn: Turn, resolved: Resolved) -> Job:
        """A leaf task with its inputs in their declared types and its constants' placeholders filled in.

        Raises:
            MissingInputError: a required input has no value, or one of the wrong type.
        """
        component = self.pipeline.components[turn.task.component]
        definitions = component.get("inputDefinitions") or {}
        if absent := inputs.missing(resolved, definitions):
            raise MissingInputError(f"task {turn.path}: no value for {', '.join(absent)}: its source gave none")
        parameters = inputs.with_defaults(resolved.parameters, definitions)
        attempt = turn.attempt
        job = Job(
            self.names, turn.path, turn.task.name, self._kind(turn), attempt, self._folder(turn), component,
            self.pipeline.executor(turn.task.component), parameters,
            {name: tuple(map(digests.artifact, found)) for name, found in resolved.artifacts.items()},
            self._timeout(turn), self.options.allow_host,
            self.options.profile.get(turn.path) or self.options.profile.get(turn.task.name, ""), self.options.debug,
        )  # fmt: skip
        # Values that only a constant's placeholders refer to are not the component's own.
        declared = {**job.parameters, **self._constants(job, resolved)}
        declared = {name: declared[name] for name in definitions.get("parameters") or {} if name in declared}
        return dataclasses.replace(job, parameters=inputs.as_declared(declared, definitions, turn.path))

    def reuse(self, turn: Turn, job: Job) -> Outcome | None:
        """The outcome of an equal task that was done before, anywhere in the store; or of a stub."""
        if job.kind == TaskKind.STUB:
            return self._stubbed(turn, job)
        key, fingerprint = self.cache.fingerprint(job)
        turn.record = dataclasses.replace(
            self._new(turn, job.kind, job.folder), parameters=job.parameters, inputs=job.artifacts, cache_key=key,
            fingerprint=fingerprint,
        )  # fmt: skip
        if not (self.options.cache and turn.task.cache) or not turn.first or self._is_uncached(turn):
            return None
        found = self.cache.lookup(key)
        return self._take_over(turn, found, key, fingerprint) if found is not None else None

    def _timeout(self, turn: Turn) -> float | None:
        """Seconds the task may take: as asked for this run, else as the compiled file says."""
        names = (turn.path, turn.task.name, "")
        written: float | None = self.pipeline.executor(turn.task.component).get(DEADLINE)
        return next((self.options.timeout[name] for name in names if name in self.options.timeout), written)

    def _is_uncached(self, turn: Turn) -> bool:
        return bool(self.options.uncached & {turn.path, turn.task.name})

    def _take_over(self, turn: Turn, found: TaskRecord, key: str, fingerprint: Mapping[str, Any]) -> Outcome:
        now = time.time()
        record = dataclasses.replace(
            turn.record or self._new(turn, found.kind), state=State.CACHED, started=now, finished=now, cache_key=key,
            fingerprint=fingerprint, outputs=found.outputs, artifacts=found.artifacts,
            reused_from=found.reused_from or f"{found.run_id}/{found.path}",
        )  # fmt: skip
        return self._close(turn, record)

    def _kind(self, turn: Turn) -> TaskKind:
        return TaskKind.STUB if self._stub(turn) is not None else turn.task.kind

    def _stub(self, turn: Turn) -> Any:
        names = (turn.path, turn.task.name, turn.task.component, turn.task.component.removeprefix("comp-"))
        return next((self.options.stubs[name] for name in names if name in self.options.stubs), None)

    def _stubbed(self, turn: Turn, job: Job) -> Outcome:
        definitions = job.component.get("outputDefinitions") or {}
        parameters, artifacts = stub_outputs(self._stub(turn), definitions, turn.path)
        turn.record = self._new(turn, TaskKind.STUB)
        return self.succeeded(turn, Result(parameters, artifacts))

    def _constants(self, job: Job, resolved: Resolved) -> Parameters:
        """Placeholders are filled in where the compiled file wrote them, never in data that happens to look so."""
        written = resolved.constants | (set(job.parameters) - set(resolved.parameters))
        templated = [name for name in sorted(written) if "{{$" in str(job.parameters.get(name))]
        if not templated:
            return {}
        placeholders = Placeholders(job.names, job.name, job.path, executor_input(job))
        return {name: placeholders.fill_all(job.parameters[name]) for name in templated}

    # -- records ---------------------------------------------------------------------------------------------------

    def opened(self, turn: Turn, kind: TaskKind, values: Values) -> None:
        """A nested DAG or a loop begins."""
        self._open(
            turn, dataclasses.replace(self._new(turn, kind), parameters=values.parameters, inputs=values.artifacts)
        )

    def started(self, turn: Turn, job: Job) -> None:
        """A leaf begins."""
        record = turn.record or self._new(turn, job.kind)
        earlier = self.store.task(record.run_id, record.path) if job.folder.name != _first(turn) else None
        self._open(turn, record)
        job.folder.mkdir(parents=True, exist_ok=True)
        if earlier is not None:
            _hand_over(earlier, record)
        self.tail.watch(record.log, lambda text: self.observer.task_log(record, text))

    def succeeded(self, turn: Turn, result: Result) -> Outcome:
        """A leaf ended well: digest what it made and record it, all at once."""
        self._end_log(turn)
        artifacts = {name: tuple(map(digests.artifact, found)) for name, found in result.artifacts.items()}
        made = {"outputs": result.parameters, "artifacts": artifacts, "peak_memory": result.peak_memory}
        return self._close(turn, self._ended(turn, State.SUCCEEDED, **made))

    def failed(self, turn: Turn, result: Result) -> None:
        """A task ended badly for good."""
        self._end_log(turn)
        self._close(turn, self._failure(turn, result))

    def retried(self, turn: Turn, result: Result, delay: float) -> None:
        """A leaf ended badly and will be tried again."""
        self._end_log(turn)
        record = self._failure(turn, result)
        self._close(turn, record)
        self.observer.task_log(record, f"{record.error}\nattempt {turn.attempt + 1} failed; again in {delay:g} s\n")

    def skipped(self, turn: Turn, reason: str) -> None:
        """A task will not run."""
        record = dataclasses.replace(self._new(turn, turn.task.kind), state=State.SKIPPED, error=reason)
        self._close(turn, record)

    def closed(self, turn: Turn, outcome: Outcome) -> None:
        """A nested DAG or a loop is over."""
        self._close(turn, self._ended(turn, outcome.state, error=_message(outcome.error), outputs=outcome.parameters,
                                      artifacts=outcome.artifacts))  # fmt: skip

    def flush(self) -> None:
        """Make what was opened and closed since the last time durable; called before anything may take long."""
        self.store.flush()

    def progress(self, path: str, progress: Mapping[str, Any]) -> None:
        """A task said how far it is."""
        record = self.store.task(self.names.run_id, path)
        if record is not None:
            self.observer.task_progress(dataclasses.replace(record, progress=progress), progress)
            task_progress.write(record.folder, progress)

    def _new(self, turn: Turn, kind: TaskKind, folder: Path | None = None) -> TaskRecord:
        folder = folder or self._folder(turn)
        return TaskRecord(
            self.names.run_id, turn.path, turn.task.name, kind, State.RUNNING, turn.attempt, folder=folder
        )

    def _ended(self, turn: Turn, state: State, **changes: Any) -> TaskRecord:
        record = turn.record or self._new(turn, turn.task.kind)
        return dataclasses.replace(record, state=state, finished=time.time(), **changes)

    def _failure(self, turn: Turn, result: Result) -> TaskRecord:
        why = {"error": _message(result.error), "traceback": result.traceback, "peak_memory": result.peak_memory}
        return self._ended(turn, State.FAILED, **why)

    def _open(self, turn: Turn, record: TaskRecord) -> None:
        turn.record = dataclasses.replace(record, started=time.time(), finished=None)
        self.store.save_task(turn.record, later=True)
        self.observer.task_started(turn.record)

    def _close(self, turn: Turn, record: TaskRecord) -> Outcome:
        turn.record = record
        # What took long is made durable before anything else is looked at.
        self.store.save_task(record, later=(record.seconds or 0.0) < _LONG)
        self.observer.task_finished(record)
        return _outcome(record)

    def _end_log(self, turn: Turn) -> None:
        if turn.record is not None:
            self.tail.finish(turn.record.log)

    def _folder(self, turn: Turn) -> Path:
        """A folder of its own for each attempt, also for an attempt after an interruption."""
        folder = self.folder / "tasks" / turn.path
        number = turn.attempt
        while number or folder.exists():
            candidate = folder.with_name(f"{folder.name}~{number + 1}") if number else folder
            if not candidate.exists():
                return candidate
            number += 1
        return folder


def _first(turn: Turn) -> str:
    """Name of the folder of a task's first attempt."""
    return Path(turn.path).name


def _hand_over(earlier: TaskRecord, record: TaskRecord) -> None:
    """Give what an earlier attempt kept beside its outputs to the next one, if that is to do the very same.

    A task that can go on where it was killed keeps its progress in ``<output>.progress`` until the output is complete.
    Equal cache keys mean equal code, parameters and inputs: progress of anything else would be another result's.
    """
    if earlier.folder in (None, record.folder) or record.folder is None or earlier.cache_key != record.cache_key:
        return
    for left in sorted(earlier.folder.glob("*.progress")):
        left.rename(record.folder / left.name)


def _outcome(record: TaskRecord) -> Outcome:
    return Outcome(record.state, dict(record.outputs), dict(record.artifacts))


def _message(error: BaseException | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error}"


def stub_outputs(value: Any, definitions: Mapping[str, Any], where: str) -> tuple[Parameters, ArtifactLists]:
    """A stub's value as a task's outputs: one value for one output, or a mapping by output name.

    Raises:
        MissingInputError: the value does not say what each output is.
    """
    from local_runner.records import ArtifactRecord

    parameters, artifacts = definitions.get("parameters") or {}, definitions.get("artifacts") or {}
    names = [*parameters, *artifacts]
    given = value if isinstance(value, dict) and set(value) <= set(names) else dict.fromkeys(names, value)
    if len(given) > 1 and not isinstance(value, dict):
        raise MissingInputError(f"stub of {where}: expected a mapping with {', '.join(names)}")
    kinds = {name: (spec.get("artifactType") or {}).get("schemaTitle", "") for name, spec in artifacts.items()}
    return (
        {name: item for name, item in given.items() if name in parameters},
        {name: (ArtifactRecord(name, kinds[name], str(item)),) for name, item in given.items() if name in artifacts},
    )
