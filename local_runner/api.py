"""The Python door: :func:`run` and :func:`resume`, and the :class:`Run` they give back."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import shlex
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_runner import arguments as argument_check
from local_runner import component_files, device, disk, freshness, pace, plan, preflight, sources
from local_runner.cache import Cache
from local_runner.capture import LogTail
from local_runner.component_code import ComponentCode
from local_runner.desk import TaskDesk, TaskOptions
from local_runner.errors import PipelineFailed, StoreError, UsageError
from local_runner.events import Broadcast, Observer
from local_runner.guard import with_environment
from local_runner.inputs import Outcome, Values
from local_runner.job import Job, Names
from local_runner.lanes import InProcessLane, Lane
from local_runner.plan import Pipeline
from local_runner.records import Artifacts, RunRecord, State, TaskRecord
from local_runner.scheduler import Scheduler
from local_runner.store import Store

DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True)
class Options:
    """How a run is run; kept with it, so that a resume runs the same way.

    Attributes:
        cache: take results from the cache; ``no_cache`` names tasks for which not.
        parallel: tasks at a time; 1 runs them in this process, more in that many worker processes.
        fail_fast: begin no new task after the first failure.
        isolate: tasks that run in a process of their own; ``profile`` says which kind of profile to take of which task.
        timeout: seconds by task name; the empty name holds for every task.
        components: ``kfp_config.ini`` to use instead of the nearest one.
        stubs: values that stand for what tasks or components would return.
        debug: stop in the debugger where a task fails.
        skip: paths of tasks that are not to run.
    """

    cache: bool = True
    no_cache: tuple[str, ...] = ()
    parallel: int = 1
    fail_fast: bool = False
    isolate: tuple[str, ...] = ()
    profile: Mapping[str, str] = field(default_factory=dict)
    timeout: Mapping[str, float] = field(default_factory=dict)
    allow_host_commands: bool = False
    components: str = ""
    stubs: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""
    debug: bool = False
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run that is over.

    Attributes:
        outputs: the pipeline's outputs: values, and artifact records.
        tasks: task records by path, in the order they started.
        error: the first failed task's own exception.
    """

    record: RunRecord
    tasks: Mapping[str, TaskRecord]
    error: BaseException | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def state(self) -> State:
        return self.record.state

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def outputs(self) -> dict[str, Any]:
        """Values by output name; an artifact output is its record, a list of artifacts a list of records."""
        return {**self.record.outputs, **_artifact_outputs(self.record.artifacts)}

    def failed(self) -> list[TaskRecord]:
        """Leaf tasks that failed."""
        return [task for task in self.tasks.values() if task.state == State.FAILED and task.kind not in ("dag", "loop")]

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        from local_runner.notebook import run_html

        return run_html(self)


def _artifact_outputs(artifacts: Artifacts) -> dict[str, Any]:
    return {name: found[0] if len(found) == 1 else list(found) for name, found in artifacts.items()}


def run(
    pipeline: Any,
    arguments: Mapping[str, Any] | None = None,
    *,
    root: str | Path | None = None,
    cache: bool = True,
    raise_on_failure: bool = True,
    observers: Sequence[Observer] = (),
    options: Options | None = None,
    reuse: Callable[[str], TaskRecord | None] | None = None,
) -> Run:
    """Run a pipeline on this machine.

    Args:
        pipeline: path of a compiled file, a ``@dsl.pipeline`` function, or a component.
        arguments: the pipeline's parameters; artifact inputs by path.
        root: folder of the run store; ``runs`` in the current folder by default.
        cache: take results of equal tasks from the store.
        raise_on_failure: raise when a task failed, rather than return a run whose state says so.
        observers: told of everything that happens.
        options: the rest; see :class:`Options`.
        reuse: finished tasks to take over by path, whatever their cache key says.

    Raises:
        UsageError: something can be known to be wrong before anything starts.
        PipelineFailed: a task failed; its ``__cause__`` is that task's own exception.
    """
    options = dataclasses.replace(options or Options(), cache=cache if options is None else options.cache)
    text, hints = sources.compiled(pipeline)
    planned = plan.parse(text, name=str(pipeline) if isinstance(pipeline, (str, Path)) else "the pipeline")
    parameters, artifacts = argument_check.check(planned, arguments or {})
    files = _preflight(planned, options, parameters)
    with Store(root or DEFAULT_ROOT) as store:
        record = store.new_run(planned.name, text, parameters, _kept(options), _where(options))
        if artifacts:
            record = dataclasses.replace(record, artifacts={f"input:{k}": v for k, v in artifacts.items()})
            store.save_run(record)
        engine = _Engine(store, planned, record, options, files, hints, observers, reuse)
        return engine.run(Values(dict(parameters), artifacts), raise_on_failure)


def resume(
    name: str,
    *,
    root: str | Path | None = None,
    raise_on_failure: bool = True,
    observers: Sequence[Observer] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Run:
    """Continue a run that failed or was interrupted: finished tasks are kept, the others run.

    Args:
        name: run id, a unique part of it, or ``latest``.
        overrides: :class:`Options` fields to change.

    Raises:
        UsageError: no such run, or it already succeeded.
        StoreError: another process is running it.
        PipelineFailed: a task failed again.
    """
    with Store(root or DEFAULT_ROOT) as store:
        record = store.run(name)
        if record.state == State.SUCCEEDED:
            raise UsageError(f"run {record.id} has already succeeded; nothing is left to resume")
        store.hold(record.id)
        planned = plan.read(record.spec)
        options = _from_kept({**record.options, **(overrides or {})})
        files = _preflight(planned, options, record.arguments)
        given = {k.removeprefix("input:"): v for k, v in record.artifacts.items() if k.startswith("input:")}
        record = dataclasses.replace(record, state=State.RUNNING, finished=None, error="", **_where(options))
        store.save_run(record)
        engine = _Engine(store, planned, record, options, files, (), observers, None, resumed=True)
        return engine.run(Values(dict(record.arguments), dict(given)), raise_on_failure)


def _preflight(planned: Pipeline, options: Options, parameters: Mapping[str, Any]) -> component_files.ComponentFiles:
    explicit = Path(options.components) if options.components else None
    needed = explicit is not None or preflight.needs_files(planned)
    files = component_files.find(explicit) if needed else component_files.ComponentFiles()
    preflight.check(planned, files, allow_host=options.allow_host_commands, stubs=options.stubs, parameters=parameters)
    return files


def _where(options: Options) -> dict[str, Any]:
    """Where a run runs, for its record."""
    chosen = device.choose(options.device)
    return {"machine": platform.node(), "device": chosen.name, "device_reason": chosen.reason}


def _kept(options: Options) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(options).items()}


def _from_kept(kept: Mapping[str, Any]) -> Options:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return Options(**values)


@dataclass
class _Engine:
    """Everything one run needs, put together."""

    store: Store
    pipeline: Pipeline
    record: RunRecord
    options: Options
    files: component_files.ComponentFiles
    hints: Sequence[Path]
    observers: Sequence[Observer]
    reuse: Callable[[str], TaskRecord | None] | None
    resumed: bool = False

    def run(self, values: Values, raise_on_failure: bool) -> Run:
        observer = Broadcast(self.observers)
        observer.run_started(self.record, self.pipeline)
        try:
            # The device's settings must be in the environment before TensorFlow starts.
            with LogTail() as tail, with_environment(device.environment(self.options.device)):
                outcome = self._schedule(values, observer, tail)
        except BaseException as error:  # an interrupt, or a full disk: the record says how far it came
            # On a full disk this cannot be written either; a run without a holder reads as interrupted all the same.
            with contextlib.suppress(OSError, sqlite3.Error):
                self._end(State.INTERRUPTED, Outcome(State.INTERRUPTED), observer)
            if disk.is_full(error):
                again = f"python -m local_runner resume {self.record.id} --root {shlex.quote(str(self.store.root))}"
                raise StoreError(f"the disk is full; make room, then: {again}") from error
            raise
        done = self._end(outcome.state, outcome, observer)
        if outcome.state == State.FAILED and raise_on_failure:
            raise failed(done, outcome.error) from outcome.error
        return done

    def _schedule(self, values: Values, observer: Observer, tail: LogTail) -> Outcome:
        freshness.forget_changed()
        import kfp.dsl.executor  # noqa: F401  (a second or so that must not be counted as the first task's)

        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.record.created))
        names = Names(self.pipeline.name, self.record.id, created, str(self.record.folder))
        scratch = self.record.folder / "source"
        if "{{$.workspace_path}}" in self.pipeline.text:
            # What the volume of a pipeline's workspace is on a cluster: there before the first task, one a run.
            (self.record.folder / "workspace").mkdir(exist_ok=True)
        code = ComponentCode(self.files, tuple(self.hints), scratch)
        desk = TaskDesk(
            self.pipeline, self.store, Cache(self.store, code), names, self.record.folder, observer, tail, self._tasks()
        )
        lane = self._lane(code, lambda job, progress: desk.progress(job.path, progress))
        try:
            scheduler = Scheduler(self.pipeline, lane, desk, names.resource, fail_fast=self.options.fail_fast)
            return scheduler.run(values)
        finally:
            lane.close()

    def _lane(self, code: ComponentCode, tell: Callable[[Job, Mapping[str, Any]], None]) -> Lane:
        isolated = frozenset(self.options.isolate)
        here = InProcessLane(code, tell)
        if self.options.debug or not (isolated or self.options.parallel > 1):
            return here
        from local_runner.workers import IsolatingLane, WorkerLane

        def apart(job: Job) -> bool:
            return bool(isolated & {job.name, job.path})

        workers = WorkerLane(self.options.parallel, code, tell, apart)
        return workers if self.options.parallel > 1 else IsolatingLane(here, workers, apart)

    def _tasks(self) -> TaskOptions:
        return TaskOptions(
            self.options.cache, frozenset(self.options.no_cache), self.options.timeout, self.options.stubs,
            self.options.allow_host_commands, self.options.profile, self.options.debug, self.resumed,
            self.reuse or (lambda _: None), frozenset(self.options.skip),
        )  # fmt: skip

    def _end(self, state: State, outcome: Outcome, observer: Observer) -> Run:
        given = {name: found for name, found in self.record.artifacts.items() if name.startswith("input:")}
        kept = {**given, **outcome.artifacts}
        error = "" if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"
        record = dataclasses.replace(
            self.record, state=state, finished=time.time(), outputs=outcome.parameters, artifacts=kept, error=error
        )
        tasks = self.store.tasks(record.id)
        record = dataclasses.replace(record, note=pace.remark(self.store, record, tasks))
        self.store.save_run(record)
        observer.run_finished(record, tasks)
        shown = dataclasses.replace(record, artifacts=outcome.artifacts)
        return Run(shown, {task.path: task for task in tasks}, outcome.error)


def failed(done: Run, error: BaseException | None) -> PipelineFailed:
    """The exception for a failed run: bad input found by a task keeps its own exit code."""
    names = ", ".join(task.path for task in done.failed()) or "(none)"
    code = getattr(error, "exit_code", 1)
    return PipelineFailed(f"run {done.id} failed in {names}: {error}", done, code if code == 2 else 1)
