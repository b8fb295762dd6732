"""``runs compare A B``: what differs between two runs, as rows for a page and as plain lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_runner.durations import in_words
from local_runner.records import RunRecord, TaskKind, TaskRecord
from local_runner.values import shorten


@dataclass(frozen=True)
class Row:
    """One thing in both runs; ``change`` is second − first where both are numbers, None otherwise."""

    name: str
    first: Any
    second: Any
    change: float | None = None

    @property
    def differs(self) -> bool:
        return bool(self.first != self.second)


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        arguments: those that differ, nested ones by dotted name.
        states: every task's state; a task that is in one run alone has None in the other.
        metrics: every metric, as ``TASK/ARTIFACT: NAME``.
        seconds: how long tasks took that really ran in both.
        equal_keys: tasks whose cache keys are equal, so that their results must be.
        other_keys: tasks in both runs that have keys, and different ones.
    """

    arguments: list[Row]
    states: list[Row]
    metrics: list[Row]
    seconds: list[Row]
    equal_keys: list[str]
    other_keys: list[str]


def compare(
    first: tuple[RunRecord, Sequence[TaskRecord]], second: tuple[RunRecord, Sequence[TaskRecord]]
) -> Comparison:
    """Put two runs, each with its tasks, side by side."""
    (run_a, tasks_a), (run_b, tasks_b) = first, second
    arguments = _rows(_flat(run_a.arguments), _flat(run_b.arguments))
    states = _rows({t.path: t.state.value for t in tasks_a}, {t.path: t.state.value for t in tasks_b})
    keys_a, keys_b = ({t.path: t.cache_key for t in tasks if t.cache_key} for tasks in (tasks_a, tasks_b))
    shared = [path for path in keys_a if path in keys_b]
    times_a, times_b = _times(run_a, tasks_a), _times(run_b, tasks_b)
    return Comparison(
        arguments=[row for row in arguments if row.differs],
        states=states,
        metrics=_rows(metrics(tasks_a), metrics(tasks_b)),
        seconds=_rows(times_a, {path: taken for path, taken in times_b.items() if path in times_a}, both=True),
        equal_keys=[path for path in shared if keys_a[path] == keys_b[path]],
        other_keys=[path for path in shared if keys_a[path] != keys_b[path]],
    )


def metrics(tasks: Sequence[TaskRecord]) -> dict[str, Any]:
    """Every metric of a run: ``evaluate/metrics: lstm/rmse`` → value."""
    return {
        f"{task.path}/{name}: {key}": value
        for task in tasks
        for name, found in task.artifacts.items()
        for artifact in found
        if artifact.type.endswith("Metrics")
        for key, value in artifact.metadata.items()
    }


def lines(first: tuple[RunRecord, Sequence[TaskRecord]], second: tuple[RunRecord, Sequence[TaskRecord]]) -> list[str]:
    """The comparison for a terminal."""
    found = compare(first, second)
    states = [row for row in found.states if row.differs]
    out = [f"{letter}  {run.id}  {run.state.value}" for letter, (run, _) in (("A", first), ("B", second))]
    out += ["", "arguments", *(_changed(found.arguments) or ["  the same"])]
    out += ["", "tasks", *(_changed(states) or ["  the same states"]), *_keys(found)]
    out += ["", "metrics", *_table(found.metrics)] if found.metrics else []
    return out + (["", "time taken", *_table(found.seconds, seconds=True)] if found.seconds else [])


def _times(run: RunRecord, tasks: Sequence[TaskRecord]) -> dict[str, float]:
    """Seconds by task that ran, and of the whole run under its own name."""
    ran = [t for t in tasks if t.seconds is not None and t.started is not None and _did_work(t)]
    whole = {"the whole run": run.seconds} if run.seconds is not None else {}
    return {**{task.path: task.seconds for task in ran if task.seconds is not None}, **whole}


def _did_work(task: TaskRecord) -> bool:
    return task.kind not in (TaskKind.DAG, TaskKind.LOOP) and not task.reused_from


def _rows(a: Mapping[str, Any], b: Mapping[str, Any], *, both: bool = False) -> list[Row]:
    names = [name for name in dict.fromkeys([*a, *b]) if not both or (name in a and name in b)]
    return [Row(name, a.get(name), b.get(name), _change(a.get(name), b.get(name))) for name in names]


def _change(before: Any, after: Any) -> float | None:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after)]
    return after - before if all(numbers) else None


def _changed(rows: Sequence[Row]) -> list[str]:
    return [f"  {row.name}: {_shown(row.first)} → {_shown(row.second)}" for row in rows]


def _keys(found: Comparison) -> list[str]:
    """Which tasks did the same work on the same data, in one line each."""
    parts = [("equal cache keys", found.equal_keys), ("different cache keys", found.other_keys)]
    return [f"  {what}: {', '.join(paths)}" for what, paths in parts if paths]


def _table(rows: Sequence[Row], *, seconds: bool = False) -> list[str]:
    """Name, first, second and difference in columns."""
    show = in_words if seconds else _shown
    cells = [(row.name, show(row.first), show(row.second), _difference(row, seconds=seconds)) for row in rows]
    widths = [max(len(cell[i]) for cell in cells) for i in range(4)]
    return [
        f"  {name:<{widths[0]}}  {a:>{widths[1]}}  {b:>{widths[2]}}  {change:>{widths[3]}}".rstrip()
        for name, a, b, change in cells
    ]


def _difference(row: Row, *, seconds: bool) -> str:
    if row.change is None:
        return ""
    percent = f" ({row.change / abs(row.first):+.1%})" if row.first and row.change else ""
    if seconds:
        return f"{'-' if row.change < 0 else '+'}{in_words(abs(row.change))}{percent}"
    return f"{row.change:+.4g}{percent}"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value if len(value) <= 40 else f"{value[:40]}…"
    return f"{value:.4g}" if isinstance(value, float) else shorten(value, 40)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out
