"""What the pages ask of the store's database beyond its records by name; a connection that can only read."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from local_runner.records import RunRecord, State
from local_runner.serialise import run_from_json
from local_runner.store import Store


@contextmanager
def _reading(root: Path) -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(root / 'store.sqlite'))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as db:
        yield db


def some_runs(store: Store, pipeline: str, state: State | None, first: int, count: int) -> tuple[list[RunRecord], bool]:
    """Runs ``first`` to ``first + count`` of those asked for, newest first, and whether there are more."""
    found: list[RunRecord] = []
    with _reading(store.root) as db:
        rows = db.execute(
            "SELECT id, record FROM runs WHERE (? = '' OR pipeline = ?) ORDER BY created DESC, id DESC",
            (pipeline, pipeline),
        )
        for run_id, record in rows:  # no further than is asked for
            run = _current(store, run_from_json(record, store.root / run_id))
            if state is None or run.state == state:
                found.append(run)
            if len(found) > first + count:
                break
    return found[first : first + count], len(found) > first + count


def _current(store: Store, run: RunRecord) -> RunRecord:
    """A run that says "running" but that no process holds was interrupted."""
    if run.state == State.RUNNING and not store.is_held(run.id):
        return dataclasses.replace(run, state=State.INTERRUPTED)
    return run


def pipelines(root: Path) -> list[str]:
    """Names of all pipelines that were run."""
    with _reading(root) as db:
        return [name for (name,) in db.execute("SELECT DISTINCT pipeline FROM runs ORDER BY pipeline")]


def task_counts(root: Path, run_ids: Sequence[str]) -> dict[str, dict[State, int]]:
    """Tasks (not groups of them) by state, of each run."""
    marks = ",".join("?" * len(run_ids))
    with _reading(root) as db:
        rows = db.execute(
            f"SELECT run_id, state, COUNT(*) FROM tasks WHERE run_id IN ({marks})"
            " AND json_extract(record, '$.kind') NOT IN ('dag', 'loop') GROUP BY run_id, state",
            tuple(run_ids),
        ).fetchall()
    out: dict[str, dict[State, int]] = {run_id: {} for run_id in run_ids}
    for run_id, state, count in rows:
        out[run_id][State(state)] = count
    return out
