"""One task: state, progress, inputs and where they came from, outputs, its error and its log."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from local_runner import task_progress, why
from local_runner.records import RunRecord, State, TaskRecord
from local_runner.serve import lineage, links, logs, metrics, pages, places
from local_runner.serve.requests import NamedRun, NamedTask, OpenStore

PARTS = ("task_summary", "task_error", "task_results")

router = APIRouter()
Offset = Annotated[int | None, Query(ge=0, le=1 << 50)]


@router.get("/runs/{run}/task")
def task_page(request: Request, store: OpenStore, run: NamedRun, task: NamedTask) -> HTMLResponse:
    """The task as a page."""
    log = places.log(store.root, task)
    piece = logs.tail(log, ended=task.state.finished) if log else logs.Piece("", 0, 0, 0)
    return pages.page(
        request, "task.html", piece=piece, why=why.explain(store, run, task.path), **_view(store, run, task)
    )


@router.get("/runs/{run}/task/live")
def live(store: OpenStore, run: NamedRun, task: NamedTask) -> JSONResponse:
    """The parts of the page that change."""
    return pages.parts(PARTS, lambda: _view(store, run, task))


@router.get("/runs/{run}/log")
def log_piece(store: OpenStore, task: NamedTask, after: Offset = None, before: Offset = None) -> JSONResponse:
    """A piece of the log: what follows byte ``after``, or what comes before byte ``before``."""
    log = places.log(store.root, task)
    ended = task.state.finished
    if log is None:
        piece = logs.Piece("", 0, 0, 0)
    else:
        piece = logs.before(log, before, ended=True) if before is not None else logs.after(log, after or 0, ended=ended)
    # Each attempt has a log of its own.
    return JSONResponse({**vars(piece), "attempt": task.folder.name, "ended": ended and piece.next >= piece.size})


@router.get("/runs/{run}/log.txt")
def whole_log(store: OpenStore, task: NamedTask) -> FileResponse:
    """The log as a file to keep."""
    log = places.log(store.root, task)
    if log is None:
        raise HTTPException(404, f"task {task.path} has no log")
    name = f"{task.run_id}-{task.path.replace('/', '-')}.log"
    return FileResponse(log, media_type="text/plain; charset=utf-8", filename=name)


def _view(store: OpenStore, run: RunRecord, task: TaskRecord) -> dict[str, Any]:
    running = task.state == State.RUNNING
    return {
        "run": run,
        "task": task,
        "seconds": time.time() - task.started if running and task.started else task.seconds,
        "told": task_progress.read(task.folder) if running else {},
        "inputs": [
            (name, artifact, lineage.origin(store, artifact, run.id))
            for name, found in task.inputs.items()
            for artifact in found
        ],
        "outputs": [
            (name, index, artifact) for name, found in task.artifacts.items() for index, artifact in enumerate(found)
        ],
        "blocks": metrics.blocks([task]),
        "reused": _reused(task),
        "again": pages.SOON if running else pages.LATER if pages.again(run) else 0.0,
    }


def _reused(task: TaskRecord) -> str:
    """Address of the task whose outputs a cached one took over."""
    run_id, _, path = task.reused_from.partition("/")
    return links.task(run_id, path) if path else ""
