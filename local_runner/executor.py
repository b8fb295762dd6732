"""Execute one job in this process, through KFP's own executor."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from local_runner import container, importer
from local_runner.capture import captured
from local_runner.component_code import ComponentCode
from local_runner.digests import is_remote
from local_runner.errors import TaskError
from local_runner.guard import guarded
from local_runner.inputs import ArtifactLists, Parameters
from local_runner.job import Job, Result, executor_input
from local_runner.leftover_threads import told
from local_runner.placeholders import Placeholders
from local_runner.profiling import profiled
from local_runner.records import ArtifactRecord, TaskKind
from local_runner.time_limit import limited
from local_runner.values import typed

_RUNNER = str(Path(__file__).parent)
Progress = Callable[[Mapping[str, Any]], None]


def execute(job: Job, code: ComponentCode, on_progress: Progress) -> Result:
    """Run a job to its end; its failure is in the result, never raised. Its folder exists. An interrupt is raised."""
    with nullcontext() if job.debug else captured(job.folder / "log.txt"):
        try:
            unwatched = nullcontext() if job.debug else _without_debugger()
            timeout = None if job.debug else job.timeout
            with told(), guarded(_environment(job), on_progress), unwatched, limited(timeout):
                if job.kind == TaskKind.IMPORTER:
                    return importer.run(job)
                if job.kind == TaskKind.CONTAINER:
                    container.run(job)
                else:
                    function = code.function(job)
                    with profiled(job.profile, job.folder) if job.profile else nullcontext():
                        run_function(job, function)
            return Result(*read_outputs(job))
        except SystemExit as error:
            return _exited(job, error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a task raises is the task's failure
            return failure(error)


def run_function(job: Job, function: Any) -> None:
    """Hand a job to ``kfp.dsl.executor.Executor``."""
    from kfp.dsl.executor import Executor

    runner = Executor(executor_input=executor_input(job), function_to_execute=function)
    for name, records in job.artifacts.items():
        if not records:  # KFP's executor drops an empty list; the function is owed one
            runner.input_artifacts[name] = []
    try:
        runner.execute()
    except ModuleNotFoundError as error:
        error.add_note(_missing_package(job, error))
        raise


def failure(error: BaseException) -> Result:
    """A failed result: the exception, and its traceback from the task's own first frame on."""
    frames = _own_frames(error.__traceback__)
    error = error.with_traceback(frames)
    if getattr(error, "exit_code", None) == 2:  # the user's input is at fault: where in the code it was found is noise
        return Result(error=error, traceback=str(error))
    return Result(error=error, traceback="".join(traceback.format_exception(error)))


def _environment(job: Job) -> dict[str, str]:
    if not job.environment:
        return {}
    placeholders = Placeholders(job.names, job.name, job.path, executor_input(job))
    return {name: placeholders.fill(value) for name, value in job.environment.items()}


@contextmanager
def _without_debugger() -> Iterator[None]:
    """Let ``breakpoint()`` fail with what to do, for a prompt would end up in the log and wait for ever."""

    def refuse(*_: object, **__: object) -> None:
        caller = sys._getframe(1)
        place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        raise TaskError(f"breakpoint() at {place} needs a terminal to talk on: run it with --pdb")

    before = sys.breakpointhook
    if os.environ.get("PYTHONBREAKPOINT") != "0":
        sys.breakpointhook = refuse
    try:
        yield
    finally:
        sys.breakpointhook = before


def _exited(job: Job, error: SystemExit) -> Result:
    """``sys.exit()`` and ``sys.exit(0)`` end a task well, without the values it would have returned."""
    if error.code in (None, 0):
        return Result(*read_outputs(job))
    problem = TaskError(f"the task called sys.exit({error.code!r})")
    problem.__cause__ = error
    return failure(problem.with_traceback(error.__traceback__))


def _own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Drop the leading frames of the runner and of KFP's executor; keep all if nothing else is left."""
    current = frames
    while current is not None:
        file = current.tb_frame.f_code.co_filename
        if not file.startswith(_RUNNER) and not file.endswith("kfp/dsl/executor.py"):
            return current
        current = current.tb_next
    return frames


def _missing_package(job: Job, error: ModuleNotFoundError) -> str:
    from local_runner.preflight import packages_to_install

    wanted = packages_to_install(job.container)
    if not wanted:
        return f"The task imports {error.name!r}, which is not installed here and not in its packages_to_install."
    return f"The component asks for {', '.join(wanted)}; install with: pip install {' '.join(wanted)}"


def read_outputs(job: Job) -> tuple[Parameters, ArtifactLists]:
    """What a job left: KFP's output file, and parameters written by path.

    Raises:
        TaskError: the output file is not JSON, or a value is not of its declared type.
    """
    definitions = job.component.get("outputDefinitions") or {}
    written: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        try:
            written = json.loads(job.output_file.read_bytes())
        except ValueError as error:
            raise TaskError(f"the executor's output {job.output_file} is not JSON: {error}") from error
    parameters: Parameters = {}
    for name, definition in (definitions.get("parameters") or {}).items():
        value = _parameter(job, name, written)
        if value is not None:
            try:
                parameters[name] = typed(value, definition.get("parameterType", ""))
            except ValueError as error:
                raise TaskError(f"output {name}: {error}") from None
    kinds = definitions.get("artifacts") or {}
    return parameters, {name: _artifacts(job, name, kinds[name], written) for name in kinds}


def _parameter(job: Job, name: str, written: Mapping[str, Any]) -> Any:
    values = written.get("parameterValues") or {}
    if name in values:
        return values[name]
    file = job.parameter_file(name)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _artifacts(
    job: Job, name: str, definition: Mapping[str, Any], written: Mapping[str, Any]
) -> tuple[ArtifactRecord, ...]:
    kind = (definition.get("artifactType") or {}).get("schemaTitle", "system.Artifact")
    listed = ((written.get("artifacts") or {}).get(name) or {}).get("artifacts")
    return tuple(
        ArtifactRecord(item.get("name") or name, kind, _address(item), item.get("metadata") or {})
        for item in listed or [{"uri": str(job.folder / name)}]
    )


def _address(item: Mapping[str, Any]) -> str:
    """Where an artifact is. What a task wrote at a path of its own choice is brought to the address it was given.

    A cluster's launcher uploads it from there; the path (often in ``/tmp``) may hold something else by the next run.
    """
    uri, custom = str(item.get("uri", "")), item.get("custom_path")
    if custom and Path(custom).exists() and not is_remote(uri) and not Path(uri).exists():
        scratch = Path(f"{uri}.tmp")
        shutil.copytree(custom, scratch) if Path(custom).is_dir() else shutil.copy2(custom, scratch)
        scratch.rename(uri)
    return uri
