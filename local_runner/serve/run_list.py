"""The list of runs: newest first, by pipeline and state, and two of them to compare."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from local_runner.records import RunRecord, State
from local_runner.serve import links, pages, queries
from local_runner.serve.requests import Name, OpenStore, Page, WantedState

ROWS = 25

router = APIRouter()


@dataclass(frozen=True)
class Row:
    """One run of the list; ``note`` is its error or its outputs."""

    run: RunRecord
    href: str
    seconds: float | None
    done: int
    begun: int
    note: str


@router.get("/")
def list_page(
    request: Request, store: OpenStore, state: WantedState, pipeline: Name = "", page: Page = 0
) -> HTMLResponse:
    """The list as a page."""
    return pages.page(request, "runs.html", **_view(store, pipeline, state, page))


@router.get("/live")
def live(store: OpenStore, state: WantedState, pipeline: Name = "", page: Page = 0) -> JSONResponse:
    """The list as it is now."""
    return pages.parts(["runs"], lambda: _view(store, pipeline, state, page))


def _view(store: OpenStore, pipeline: str, state: State | None, page: int) -> dict[str, Any]:
    runs, more = queries.some_runs(store, pipeline, state, page * ROWS, ROWS)
    counts = queries.task_counts(store.root, [run.id for run in runs])
    wanted = {"pipeline": pipeline, "state": state.value if state else ""}
    return {
        "rows": [_row(run, counts[run.id]) for run in runs],
        "pipelines": queries.pipelines(store.root),
        "states": [state.value for state in State if state not in (State.PENDING, State.CACHED, State.SKIPPED)],
        "wanted": wanted,
        "page": page,
        "newer": links.runs(**wanted, page=page - 1) if page else "",
        "older": links.runs(**wanted, page=page + 1) if more else "",
        "again": pages.SOON if any(run.state == State.RUNNING for run in runs) else pages.LATER,
    }


def _row(run: RunRecord, counts: dict[State, int]) -> Row:
    seconds = time.time() - run.created if run.state == State.RUNNING else run.seconds
    outputs = ", ".join(f"{name}: {value}" for name, value in run.outputs.items())
    return Row(
        run, links.run(run.id), seconds,
        sum(count for state, count in counts.items() if state.finished), sum(counts.values()),
        run.error.partition("\n")[0] or outputs,
    )  # fmt: skip
