"""Addresses of pages. Names from the store stand in the query or as one quoted segment, never as a path."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode


def runs(**query: Any) -> str:
    """The list of runs."""
    return _with("/", query)


def run(run_id: str, **query: Any) -> str:
    """One run."""
    return _with(f"/runs/{quote(run_id, safe='', errors='replace')}", query)


def pipeline(run_id: str) -> str:
    """The compiled file of a run."""
    return f"/runs/{quote(run_id, safe='', errors='replace')}/pipeline"


def task(run_id: str, path: str) -> str:
    """One task of a run."""
    return _with(f"/runs/{quote(run_id, safe='', errors='replace')}/task", {"path": path})


def log(run_id: str, path: str, **query: Any) -> str:
    """A piece of a task's log."""
    return _with(f"/runs/{quote(run_id, safe='', errors='replace')}/log", {"path": path, **query})


def whole_log(run_id: str, path: str) -> str:
    """A task's log as a file."""
    return _with(f"/runs/{quote(run_id, safe='', errors='replace')}/log.txt", {"path": path})


def artifact(run_id: str, path: str, name: str, index: int = 0, **query: Any) -> str:
    """An output artifact of a task."""
    return _with(
        f"/runs/{quote(run_id, safe='', errors='replace')}/artifact",
        {"path": path, "name": name, "index": index, **query},
    )


def raw(run_id: str, path: str, name: str, index: int, file: str, **query: Any) -> str:
    """One file of an artifact, byte for byte."""
    wanted = {"path": path, "name": name, "index": index, "file": file, **query}
    return _with(f"/runs/{quote(run_id, safe='', errors='replace')}/raw", wanted)


def compare(first: str, second: str) -> str:
    """Two runs side by side."""
    return _with("/compare", {"run": [first, second]})


def live(address: str) -> str:
    """Where a page asks for its parts again."""
    path, _, query = address.partition("?")
    return f"{path.rstrip('/')}/live?{query}" if query else f"{path.rstrip('/')}/live"


def _with(path: str, query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "", 0) or name == "index"}
    return f"{path}?{urlencode(given, doseq=True, errors='replace')}" if given else path
