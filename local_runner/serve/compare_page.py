"""Two runs side by side: arguments that differ, metrics with their difference, times, and which tasks were equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from local_runner.records import TaskRecord
from local_runner.serve import links, metrics, pages
from local_runner.serve.requests import LONGEST_NAME, OpenStore
from local_runner.serve.shown import flat

MOST_ROWS = 500

router = APIRouter()


@dataclass(frozen=True)
class Figure:
    """One metric of both runs; ``change`` in percent of the first, None when it has no meaning."""

    name: str
    first: Any
    second: Any
    difference: float | None
    change: float | None


@dataclass(frozen=True)
class Pair:
    """One task of both runs; ``equal`` is whether both depend on the same things, None when that is not known."""

    path: str
    first: TaskRecord | None
    second: TaskRecord | None
    difference: float | None
    equal: bool | None


@router.get("/compare")
def compare_page(request: Request, store: OpenStore, run: Annotated[list[str], Query(max_length=20)]) -> HTMLResponse:
    """Compare the two runs of the address."""
    if len(run) != 2 or any(len(name) > LONGEST_NAME for name in run):
        raise HTTPException(400, f"choose two runs to compare; {len(run)} were chosen")
    first, second = (store.run(name) for name in run)
    tasks = store.tasks(first.id), store.tasks(second.id)
    before, after = flat(first.arguments), flat(second.arguments)
    differing = [key for key in {**before, **after} if _differ(key, before, after)]
    return pages.page(
        request, "compare.html", first=first, second=second, swapped=links.compare(second.id, first.id),
        arguments=[(key, before.get(key), after.get(key)) for key in differing],
        same_arguments=len({**before, **after}) - len(differing),
        groups=_groups(*tasks), pairs=pairs(*tasks)[:MOST_ROWS],
    )  # fmt: skip


def _differ(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return key not in before or key not in after or bool(before[key] != after[key])


def _groups(first: Sequence[TaskRecord], second: Sequence[TaskRecord]) -> list[tuple[str, list[Figure], list[Figure]]]:
    """Figures by metrics artifact: those that changed, and those that are the same."""
    before, after = values(first), values(second)
    out = []
    for title in list({**before, **after})[:MOST_ROWS]:
        found = figures(before.get(title, {}), after.get(title, {}))[:MOST_ROWS]
        changed = [each for each in found if each.first != each.second]
        out.append((title, changed, [each for each in found if each.first == each.second]))
    return out


def values(tasks: Sequence[TaskRecord]) -> dict[str, dict[str, Any]]:
    """Metrics by artifact (``evaluate/metrics``) and name."""
    out: dict[str, dict[str, Any]] = {}
    for task, name, index, artifact in metrics.outputs(tasks):
        if artifact.type.endswith("Metrics") and artifact.metadata:
            out[f"{task.path}/{name}" + (f" {index + 1}" if index else "")] = dict(artifact.metadata)
    return out


def figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Figure]:
    """Every metric that either run has."""
    out = []
    for name in {**first, **second}:
        before, after = first.get(name), second.get(name)
        difference = _difference(before, after)
        change = difference / abs(before) * 100 if difference is not None and before else None
        out.append(Figure(name, before, after, difference, change))
    return out


def _difference(before: Any, after: Any) -> float | None:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (before, after))
    return float(after - before) if numbers else None


def pairs(first: Sequence[TaskRecord], second: Sequence[TaskRecord]) -> list[Pair]:
    """Tasks of both runs by path."""
    before, after = ({task.path: task for task in tasks} for tasks in (first, second))
    return [_pair(path, before.get(path), after.get(path)) for path in {**before, **after}]


def _pair(path: str, first: TaskRecord | None, second: TaskRecord | None) -> Pair:
    if first is None or second is None:
        return Pair(path, first, second, None, None)
    timed = first.seconds is not None and second.seconds is not None
    difference = (second.seconds or 0.0) - (first.seconds or 0.0) if timed else None
    known = bool(first.cache_key and second.cache_key)
    return Pair(path, first, second, difference, first.cache_key == second.cache_key if known else None)
