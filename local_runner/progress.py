"""What a run shows while it goes: a live tree on a terminal, one line an event anywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from local_runner.durations import in_words
from local_runner.plain_output import tolerant
from local_runner.records import State

if TYPE_CHECKING:
    from local_runner.events import Observer
    from local_runner.plan import Pipeline
    from local_runner.records import RunRecord, TaskRecord


class Progress:
    """An observer that shows a run on ``stream``.

    Args:
        stream: where to write; give the terminal itself, not a redirected ``sys.stdout``.
        live: redraw in place; None asks the stream whether it is a terminal that can.
    """

    def __init__(self, stream: TextIO, live: bool | None = None) -> None:
        self._view: Observer = _view(tolerant(stream), can_redraw(stream) if live is None else live)

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:
        self._view.run_started(run, pipeline)

    def task_started(self, task: TaskRecord) -> None:
        self._view.task_started(task)

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        self._view.task_progress(task, progress)

    def task_log(self, task: TaskRecord, text: str) -> None:
        self._view.task_log(task, text)

    def task_finished(self, task: TaskRecord) -> None:
        self._view.task_finished(task)

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        self._view.run_finished(run, tasks)


def _view(stream: TextIO, live: bool) -> Observer:
    if live:
        from local_runner.live_tree import LiveTree

        return LiveTree(stream)
    return EventLines(stream)


def can_redraw(stream: TextIO) -> bool:
    """Whether lines already written can be drawn over."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


class EventLines:
    """One line an event, for CI logs and files; progress of a task at most every ``every`` seconds."""

    def __init__(self, stream: TextIO, every: float = 5.0) -> None:
        self._stream = stream
        self._every = every
        self._attempts: dict[str, int] = {}
        self._last_shown: dict[str, float] = {}

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:
        count = len(pipeline.root.tasks)
        self._write(f"run {run.id}: {run.pipeline}, {count} task{'' if count == 1 else 's'}")
        if run.device:
            self._write(f"device: {run.device} ({run.device_reason})")

    def task_started(self, task: TaskRecord) -> None:
        attempt = self._attempts[task.path] = self._attempts.get(task.path, 0) + 1
        self._write(f"{task.path}: started" + (f" (attempt {attempt})" if attempt > 1 else ""))

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        now, complete = time.monotonic(), progress.get("step") == progress.get("total")
        if complete or now - self._last_shown.get(task.path, -self._every) >= self._every:
            self._last_shown[task.path] = now
            self._write(f"{task.path}: {progress_in_words(progress)}")

    def task_log(self, task: TaskRecord, text: str) -> None:
        """Left to the task's log file: a CI log of several tasks' output mixed is read by nobody."""

    def task_finished(self, task: TaskRecord) -> None:
        self._write(f"{task.path}: {outcome(task)}")

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        self._write(f"run {run.id}: {run.state} after {in_words(run.seconds)}, {counts(tasks)}")

    def _write(self, line: str) -> None:
        # One write a line, so that lines of several runs into one log do not cut through each other.
        self._stream.write(line + "\n")
        self._stream.flush()


def progress_in_words(progress: Mapping[str, Any]) -> str:
    """A progress event as text.

    Example:
        >>> progress_in_words({"what": "epoch", "step": 3, "total": 50, "figures": {"loss": 0.12345}})
        'epoch 3/50  loss 0.1235'
    """
    total = progress.get("total")
    step = f"{progress.get('what', 'step')} {progress.get('step', '?')}" + ("" if total is None else f"/{total}")
    return "  ".join([step, *(f"{name} {_figure(value)}" for name, value in (progress.get("figures") or {}).items())])


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def outcome(task: TaskRecord) -> str:
    """How a task ended, in words: ``succeeded in 1.3 s``, ``failed after 2.0 s: ValueError: …``."""
    if task.state == State.CACHED:
        return f"cached, taken from {task.reused_from}" if task.reused_from else "cached"
    if task.state == State.SKIPPED:
        return f"skipped: {first_line(task.error)}" if task.error else "skipped"
    if task.state == State.SUCCEEDED:
        return f"succeeded in {in_words(task.seconds)}"
    reason = f": {first_line(task.error)}" if task.error else ""
    return f"{task.state} after {in_words(task.seconds)}{reason}"


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def counts(tasks: Sequence[TaskRecord]) -> str:
    """``4 succeeded, 1 cached, 1 failed`` in the order of the states."""
    found = {state: sum(task.state == state for task in tasks) for state in State}
    return ", ".join(f"{number} {state}" for state, number in found.items() if number) or "no task"
