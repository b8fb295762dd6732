"""Two runs side by side: arguments that differ, metrics with their difference, times, and which tasks were equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from local_runner.compare import Comparison, Row, compare
from local_runner.records import TaskRecord
from local_runner.serve import links, pages
from local_runner.serve.requests import LONGEST_NAME, OpenStore

MOST_ROWS = 500

router = APIRouter()


@dataclass(frozen=True)
class Group:
    """Metrics of one artifact: those that changed, and those that are the same."""

    title: str
    changed: list[Row]
    same: list[Row]


@dataclass(frozen=True)
class Pair:
    """One task of both runs; ``code`` is whether code and inputs were equal, empty when that is not known."""

    path: str
    first: TaskRecord | None
    second: TaskRecord | None
    difference: float | None
    code: str


@router.get("/compare")
def compare_page(request: Request, store: OpenStore, run: Annotated[list[str], Query(max_length=20)]) -> HTMLResponse:
    """Compare the two runs of the address."""
    if len(run) != 2 or any(len(name) > LONGEST_NAME for name in run):
        raise HTTPException(400, f"choose two runs to compare; {len(run)} were chosen")
    first, second = (store.run(name) for name in run)
    tasks = store.tasks(first.id), store.tasks(second.id)
    found = compare((first, tasks[0]), (second, tasks[1]))
    return pages.page(
        request, "compare.html", first=first, second=second, swapped=links.compare(second.id, first.id),
        arguments=found.arguments[:MOST_ROWS], groups=_groups(found.metrics[:MOST_ROWS]),
        pairs=_pairs(found, *tasks)[:MOST_ROWS],
    )  # fmt: skip


def _groups(metrics: Sequence[Row]) -> list[Group]:
    """Metrics by artifact: their names are ``TASK/ARTIFACT: METRIC``."""
    groups: dict[str, Group] = {}
    for row in metrics:
        title, _, name = row.name.partition(": ")
        group = groups.setdefault(title, Group(title, [], []))
        (group.changed if row.differs else group.same).append(Row(name, row.first, row.second, row.change))
    return list(groups.values())


def _pairs(found: Comparison, first: Sequence[TaskRecord], second: Sequence[TaskRecord]) -> list[Pair]:
    """Tasks of both runs by path."""
    before, after = ({task.path: task for task in tasks} for tasks in (first, second))
    differences: Mapping[str, float | None] = {row.name: row.change for row in found.seconds}
    code = {**dict.fromkeys(found.equal_keys, "equal"), **dict.fromkeys(found.other_keys, "differ")}
    return [
        Pair(row.name, before.get(row.name), after.get(row.name), differences.get(row.name), code.get(row.name, ""))
        for row in found.states
    ]
