"""Whether a run was clearly slower than the ones before it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local_runner.durations import in_words
from local_runner.records import RunRecord, State, TaskKind, TaskRecord
from local_runner.store import Store

FACTOR, SECONDS = 1.5, 5.0
"""A run is clearly slower when it took more than FACTOR times the median, and SECONDS more than it."""
FEWEST, MOST = 3, 10
"""Earlier runs that are needed, and that are looked at."""


def remark(store: Store, run: RunRecord, tasks: Sequence[TaskRecord]) -> str:
    """A line that says so when a run was clearly slower than the median of its like; else an empty text.

    Its like: earlier good runs of the pipeline on the same machine with arguments of the same shape and the same
    options, in which the same tasks ran rather than came from the cache. Tasks' own seconds are compared, so that the
    pause before a resume does not count.
    """
    taken = _seconds(tasks)
    if run.state != State.SUCCEEDED or taken <= SECONDS:
        return ""
    earlier = list(itertools.islice(_like(store, run, tasks), MOST))
    if len(earlier) < FEWEST:
        return ""
    usual = statistics.median(earlier)
    if taken <= FACTOR * usual or taken - usual <= SECONDS:
        return ""
    return (
        f"slower than usual: tasks took {in_words(taken)}, {taken / usual:.1f} times the median of the last"
        f" {len(earlier)} such runs on this machine ({in_words(usual)})"
    )


def _like(store: Store, run: RunRecord, tasks: Sequence[TaskRecord]) -> Iterator[float]:
    """Seconds that comparable earlier runs took, newest first."""
    wanted = _comparable(run), _worked(tasks)
    for other in store.runs(pipeline=run.pipeline, state=State.SUCCEEDED):
        if other.created < run.created and _comparable(other) == wanted[0]:
            found = store.tasks(other.id)
            if _worked(found) == wanted[1]:
                yield _seconds(found)


def _comparable(run: RunRecord) -> tuple[Any, ...]:
    return run.machine, run.device, run.options.get("parallel", 1), _shape(run.arguments)


def _shape(value: Any) -> Any:
    """Arguments without their values: names, types and lengths."""
    if isinstance(value, Mapping):
        return {name: _shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return len(value)
    return type(value).__name__


def _worked(tasks: Sequence[TaskRecord]) -> frozenset[str]:
    return frozenset(task.path for task in tasks if _is_work(task))


def _seconds(tasks: Sequence[TaskRecord]) -> float:
    return sum(task.seconds or 0.0 for task in tasks if _is_work(task))


def _is_work(task: TaskRecord) -> bool:
    return task.state == State.SUCCEEDED and task.kind not in (TaskKind.DAG, TaskKind.LOOP)
