"""What a run tells whoever watches it. The live terminal, the web page and the exporters are observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from local_runner.plan import Pipeline
    from local_runner.records import RunRecord, TaskRecord


class Observer(Protocol):
    """Called in the runner's process; ``task_log`` may come from another thread than the rest.

    While a task runs, the process's own standard output and error go to the task's log. An observer that draws on the
    terminal writes to :func:`local_runner.capture.terminal`, which is never redirected.
    """

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:
        """Before the first task; ``pipeline`` is the static graph."""

    def task_started(self, task: TaskRecord) -> None:
        """A task (also a nested DAG or a loop, by its kind) begins an attempt."""

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        """``{"what": "epoch", "step": 3, "total": 50, "figures": {"loss": 0.12}}`` from inside a task."""

    def task_log(self, task: TaskRecord, text: str) -> None:
        """Text the task printed, one or more whole lines where possible."""

    def task_finished(self, task: TaskRecord) -> None:
        """A task reached a final state, also when it was taken from the cache or skipped."""

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        """After the last task, whatever the outcome."""


class Broadcast:
    """An observer that passes every event on to several, in order. One that fails is reported and then left out."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self.observers = list(observers)

    def _each(self, tell: Callable[[Observer], None]) -> None:
        for observer in list(self.observers):
            try:
                tell(observer)
            except Exception as error:  # a watcher must never bring down the work it watches
                self.observers.remove(observer)
                import logging

                logging.getLogger(__name__).warning("%s is left out after an error: %r", type(observer).__name__, error)

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:
        self._each(lambda observer: observer.run_started(run, pipeline))

    def task_started(self, task: TaskRecord) -> None:
        self._each(lambda observer: observer.task_started(task))

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        self._each(lambda observer: observer.task_progress(task, progress))

    def task_log(self, task: TaskRecord, text: str) -> None:
        self._each(lambda observer: observer.task_log(task, text))

    def task_finished(self, task: TaskRecord) -> None:
        self._each(lambda observer: observer.task_finished(task))

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        self._each(lambda observer: observer.run_finished(run, tasks))
