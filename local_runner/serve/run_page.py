"""One run: its graph, tasks, metrics, arguments and artifacts; all but the arguments as they are at the moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from markupsafe import Markup

from local_runner import plan, task_progress
from local_runner.errors import PlanError
from local_runner.graph_svg import graph_svg, static_path
from local_runner.records import RunRecord, State, TaskRecord
from local_runner.serve import links, metrics, pages
from local_runner.serve.requests import Name, NamedRun, OpenStore, Page, WantedState

ROWS = 200
PARTS = ("run_summary", "errors", "graph", "tasks", "metrics", "artifacts")

router = APIRouter()


@dataclass(frozen=True)
class Row:
    """One task of the table.

    Attributes:
        depth: how many groups it is in.
        seconds: so far, for one that runs.
        progress: last reported, of a running task.
        begin, length: its bar in the time line, in percent of the run.
    """

    task: TaskRecord
    href: str
    depth: int
    seconds: float | None
    progress: dict[str, Any]
    note: str
    begin: float
    length: float

    @property
    def said(self) -> bool:
        """Whether there is a progress or a reason to show."""
        return bool(self.progress or self.note)


@router.get("/runs/{run}")
def run_page(
    request: Request, store: OpenStore, run: NamedRun, state: WantedState, under: Name = "", page: Page = 0
) -> Response:
    """The run as a page; a part of an id leads to the whole one."""
    if request.path_params["run"] != run.id:
        return RedirectResponse(links.run(run.id))
    view = _view(store, run, state, under, page)
    return pages.page(request, "run.html", **view)


@router.get("/runs/{run}/live")
def live(store: OpenStore, run: NamedRun, state: WantedState, under: Name = "", page: Page = 0) -> JSONResponse:
    """The parts of the page that change."""
    return pages.parts(PARTS, lambda: _view(store, run, state, under, page))


@router.get("/runs/{run}/pipeline")
def pipeline_page(request: Request, run: NamedRun) -> HTMLResponse:
    """The compiled file as it was run."""
    return pages.page(request, "text.html", run=run, title="pipeline.yaml", text=run.spec.read_text(encoding="utf-8"))


def _view(store: OpenStore, run: RunRecord, state: State | None, under: str, page: int) -> dict[str, Any]:
    tasks = store.tasks(run.id)
    wanted = [task for task in tasks if state in (None, task.state) and _is_under(task, under)]
    shown = wanted[page * ROWS : (page + 1) * ROWS]
    ahead = {"state": state.value if state else "", "under": under}
    leaves = [task for task in tasks if task.kind not in metrics.GROUPS]
    return {
        "run": run,
        "seconds": time.time() - run.created if run.state == State.RUNNING else run.seconds,
        "counts": [(each, count) for each in State if (count := sum(task.state == each for task in leaves))],
        "graph": _graph(run, tasks),
        "failed": [task for task in tasks if task.state == State.FAILED and _is_cause(task)][:20],
        "rows": [_row(run, task) for task in shown],
        "all_tasks": len(tasks), "wanted_tasks": len(wanted), "first": page * ROWS, "state": state, "under": under,
        "earlier": links.run(run.id, **ahead, page=page - 1) if page else "",
        "later": links.run(run.id, **ahead, page=page + 1) if len(wanted) > (page + 1) * ROWS else "",
        "blocks": metrics.blocks(tasks)[:ROWS],
        "artifacts": list(metrics.outputs(tasks))[:ROWS],
        "again": pages.again(run),
    }  # fmt: skip


def _is_cause(task: TaskRecord) -> bool:
    """Whether a failed task failed by itself; a group mostly fails because a task in it did."""
    return bool(task.traceback or (task.error and task.kind not in metrics.GROUPS))


def _is_under(task: TaskRecord, under: str) -> bool:
    """Whether a task is, in any iteration, the task or in the group at ``under`` of the static graph."""
    return not under or f"{static_path(task.path)}/".startswith(f"{under}/")


def _graph(run: RunRecord, tasks: Sequence[TaskRecord]) -> Markup | str:
    def link(path: str, records: Sequence[TaskRecord]) -> str:
        if not records:
            return ""
        return links.task(run.id, records[0].path) if len(records) == 1 else f"{links.run(run.id, under=path)}#tasks"

    try:
        # It escapes every name it draws.
        return Markup(graph_svg(plan.read(run.spec), tasks, link))
    except PlanError as error:
        return f"The graph cannot be drawn: {error}"


def _row(run: RunRecord, task: TaskRecord) -> Row:
    running = task.state == State.RUNNING
    now = time.time()
    whole = max((run.finished or now) - run.created, 1e-3)
    seconds = now - task.started if running and task.started else task.seconds
    begin = min(max((task.started or run.created) - run.created, 0.0) / whole, 1.0) * 100
    length = min(max((seconds or 0.0) / whole * 100, 0.5), 100 - begin) if task.started else 0.0
    note = task.error.strip().partition("\n")[0] or (f"from {task.reused_from}" if task.reused_from else "")
    depth = static_path(task.path).count("/")
    return Row(
        task, links.task(run.id, task.path), depth, seconds, task_progress.read(task.folder) if running else {},
        note, begin, length,
    )  # fmt: skip
