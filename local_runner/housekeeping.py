"""``runs rm`` and ``runs gc``: make room without taking from one run what another still uses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from local_runner.errors import UsageError
from local_runner.records import RunRecord, State
from local_runner.store import Store

_MARK = ".removing"
"""Put into a run folder before its record goes, so that only what was being removed is ever taken for an orphan."""


def users(store: Store, run: RunRecord, leaving: set[str]) -> set[str]:
    """Other runs, not themselves leaving, that took over artifacts of this run."""
    inside = f"{run.folder}{os.sep}"
    return {
        other.id
        for other in store.runs()
        if other.id not in leaving
        for task in store.tasks(other.id)
        for found in (*task.artifacts.values(), *task.inputs.values())
        for artifact in found
        if artifact.uri.startswith(inside)
    }


def remove(store: Store, runs: Sequence[RunRecord]) -> int:
    """Remove runs with their folders; returns the bytes freed.

    Raises:
        UsageError: one is running, or another run uses its artifacts. Nothing is removed then.
    """
    leaving = {run.id for run in runs}
    problems = [f"run {run.id} is running" for run in runs if run.state == State.RUNNING]
    for run in runs:
        if used := users(store, run, leaving):
            problems.append(f"artifacts of run {run.id} are used by {', '.join(sorted(used))}; remove those first")
    if problems:
        raise UsageError(problems)
    freed = 0
    for run in runs:
        freed += size(run.folder)
        (run.folder / _MARK).touch()
        store.forget_run(run.id)
        shutil.rmtree(run.folder, ignore_errors=True)
    return freed


def orphans(store: Store) -> list[Path]:
    """Run folders left by a removal that was cut short."""
    known = {run.id for run in store.runs()}
    return [
        folder for folder in sorted(store.root.iterdir()) if (folder / _MARK).is_file() and folder.name not in known
    ]


def collect(store: Store, keep: int) -> tuple[list[RunRecord], int]:
    """Remove orphans, and failed or interrupted runs beyond the newest ``keep``; returns them and the bytes freed."""
    freed = 0
    for folder in orphans(store):
        freed += size(folder)
        shutil.rmtree(folder, ignore_errors=True)
    ended = [run for run in store.runs() if run.state in (State.FAILED, State.INTERRUPTED)][keep:]
    leaving = [run for run in ended if not users(store, run, {run.id})]
    return leaving, freed + remove(store, leaving)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
