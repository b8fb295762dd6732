"""``runs compare A B``: what differs between two runs, as plain lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_runner.records import RunRecord, TaskRecord
from local_runner.values import shorten


def lines(first: tuple[RunRecord, Sequence[TaskRecord]], second: tuple[RunRecord, Sequence[TaskRecord]]) -> list[str]:
    """States, differing arguments, and every metric side by side."""
    (run_a, tasks_a), (run_b, tasks_b) = first, second
    out = [f"A  {run_a.id}  {run_a.state.value}", f"B  {run_b.id}  {run_b.state.value}"]
    arguments = _differences(_flat(run_a.arguments), _flat(run_b.arguments))
    out += ["", "arguments", *(arguments or ["  the same"])]
    states = _differences({t.path: t.state.value for t in tasks_a}, {t.path: t.state.value for t in tasks_b})
    out += ["", "tasks", *(states or ["  the same states"])]
    figures = _figures(metrics(tasks_a), metrics(tasks_b))
    return out + (["", "metrics", *figures] if figures else [])


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


def _figures(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    out = []
    for key in dict.fromkeys([*a, *b]):
        before, after = a.get(key), b.get(key)
        numbers = isinstance(before, (int, float)) and isinstance(after, (int, float))
        change = f"  {after - before:+.4g}" if numbers and before is not None and after is not None else ""
        out.append(f"  {key}  {_shown(before)}  {_shown(after)}{change}")
    return out


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else shorten(value, 40)


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        f"  {key}: {_shown(a.get(key))} → {_shown(b.get(key))}"
        for key in dict.fromkeys([*a, *b])
        if a.get(key) != b.get(key)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out
