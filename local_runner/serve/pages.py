"""From a view to a response: one template environment that escapes everything, and the parts a page asks for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from local_runner.durations import in_words
from local_runner.records import RunRecord, State
from local_runner.serve import links, shown

HERE = Path(__file__).parent
SOON, LATER = 1.0, 5.0
"""Seconds until a page asks again: while something runs, and while nothing does."""
_SHARE = 20
"""A page asks again after at least so many times what an answer costs."""

_SIGNS = {
    State.PENDING: "○", State.RUNNING: "▶", State.SUCCEEDED: "✓", State.CACHED: "≡", State.SKIPPED: "–",
    State.FAILED: "✗", State.INTERRUPTED: "‖",
}  # fmt: skip


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "duration": in_words, "figure": shown.figure, "pretty": shown.pretty, "size": shown.size, "when": shown.when,
        "cut": shown.cut, "signed": shown.signed, "short_type": shown.short_type,
        "sign": lambda state: _SIGNS[State(state)],
    }  # fmt: skip
    environment.globals["links"] = links
    return environment


def page(request: Request, template: str, status: int = 200, **view: Any) -> HTMLResponse:
    """A whole page; it asks for its parts at ``live`` of its own address when the view gives ``again``."""
    path, query = (request.scope[part].decode("ascii") for part in ("raw_path", "query_string"))
    address = f"{path}?{query}" if query else path
    text = (
        _environment()
        .get_template(template)
        .render(root=request.app.state.root, live=links.live(address) if view.get("again") else "", **view)
    )
    return HTMLResponse(_encodable(text), status_code=status)


def _encodable(text: str) -> str:
    """Text without the halves of characters that JSON, and names of files, may hold."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def again(run: RunRecord) -> float:
    """Seconds until the pages of a run ask again, 0 for never: one that failed may be resumed in the terminal."""
    return SOON if run.state == State.RUNNING else 0.0 if run.state.good else LATER


def parts(names: Iterable[str], look: Callable[[], Mapping[str, Any]]) -> JSONResponse:
    """The parts of a page that change, each by its template ``part_<name>.html``, from what ``look`` gives."""
    began = time.thread_time()
    view, environment = look(), _environment()
    texts = {name: _encodable(environment.get_template(f"part_{name}.html").render(**view)) for name in names}
    # A run of thousands of tasks is asked for less often: to be watched must not slow it down.
    longest = _SHARE * (time.thread_time() - began)
    return JSONResponse({"parts": texts, "again": view["again"] and max(view["again"], longest)})
