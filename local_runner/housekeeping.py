"""``runs rm`` and ``runs gc``: make room without taking from one run what another still uses."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_runner import run_files
from local_runner.errors import StoreError, UsageError
from local_runner.records import RunRecord, State
from local_runner.store import Store


@dataclass(frozen=True)
class Removal:
    """What removing one run takes and leaves.

    Attributes:
        files, kept: paths relative to the run's folder; ``kept`` are those the runner did not write.
        size: bytes of ``files``.
        users: other runs that use this one's artifacts.
    """

    run: RunRecord
    files: tuple[Path, ...]
    kept: tuple[Path, ...]
    size: int
    users: tuple[str, ...] = ()


def plan(store: Store, runs: Sequence[RunRecord], *, force: bool = False) -> list[Removal]:
    """What a removal of these runs would do.

    Raises:
        UsageError: one is running, or (without ``force``) another run uses its artifacts.
    """
    leaving = {run.id: run for run in runs}
    found = [_removal(store, run, set(leaving)) for run in leaving.values()]
    problems = [_running(run.id) for run in leaving.values() if store.is_held(run.id)]
    if not force:
        problems += [
            f"artifacts of run {one.run.id} are used by {', '.join(one.users)}; remove those too, or add --force"
            for one in found
            if one.users
        ]
    if problems:
        raise UsageError(problems)
    return found


def remove(store: Store, runs: Sequence[RunRecord], *, force: bool = False) -> list[Removal]:
    """Remove runs with all files they wrote; a file that the runner did not write stays, with the folders it is in.

    Raises:
        UsageError: as for :func:`plan`. Nothing is removed then.
    """
    removals = plan(store, runs, force=force)
    with _held(store, [one.run for one in removals]):
        for one in removals:
            _note(one.run.folder, one.files)
            store.forget_run(one.run.id)
            _delete(one.run.folder, one.files)
    return removals


def orphans(store: Store) -> list[Path]:
    """Run folders left by a removal that was cut short."""
    known = set(store.ids())
    marks = sorted(store.root.glob(f"*/{run_files.REMOVING}"))
    return [mark.parent for mark in marks if mark.parent.name not in known]


def finish_removals(store: Store) -> int:
    """Take what removals that were cut short have left; returns the bytes freed."""
    freed = 0
    for folder in orphans(store):
        files = _noted(folder)
        freed += _size(folder, files)
        _delete(folder, files)
    return freed


def expendable(store: Store, *, keep: int, before: float | None = None, succeeded: bool = False) -> list[RunRecord]:
    """Runs that may go: failed or interrupted, beyond the newest ``keep``, and used by no run that stays.

    Args:
        keep: newest of those runs that stay.
        before: only runs begun earlier than this, in seconds since the epoch.
        succeeded: runs that succeeded may go too.
    """
    states = {State.FAILED, State.INTERRUPTED} | ({State.SUCCEEDED} if succeeded else set())
    ended = [run for run in store.runs() if run.state in states][keep:]
    leaving = {run.id: run for run in ended if before is None or run.created < before}
    while used := [run_id for run_id, run in leaving.items() if store.users(run, leaving.keys())]:
        for run_id in used:
            del leaving[run_id]
    return list(leaving.values())


def _removal(store: Store, run: RunRecord, leaving: set[str]) -> Removal:
    own, kept = run_files.split(run, store.tasks(run.id))
    return Removal(run, tuple(own), tuple(kept), _size(run.folder, own), tuple(store.users(run, leaving)))


def _running(run_id: str) -> str:
    return f"run {run_id} is running; stop it, or wait until it is over"


@contextmanager
def _held(store: Store, runs: Sequence[RunRecord]) -> Iterator[None]:
    """The runs' locks, so that none of them can be resumed while it is removed."""
    with ExitStack() as stack:
        for run in runs:
            if not run.folder.is_dir():  # somebody removed the folder by hand: there is nothing to lock
                continue
            try:
                store.hold(run.id)
            except StoreError:
                raise UsageError(_running(run.id)) from None
            stack.callback(store.release, run.id)
        yield


def _note(folder: Path, files: Sequence[Path]) -> None:
    """Leave the list of what is to go in the folder, so that ``gc`` can finish what is cut short here."""
    if not folder.is_dir():
        return
    scratch = folder / run_files.REMOVING_NEW
    scratch.write_text(json.dumps([str(file) for file in files]), encoding="utf-8")
    scratch.replace(folder / run_files.REMOVING)


def _noted(folder: Path) -> list[Path]:
    text = (folder / run_files.REMOVING).read_text(encoding="utf-8")
    return [Path(name) for name in json.loads(text)] if text else run_files.own_at_the_top(folder)


def _delete(folder: Path, files: Sequence[Path]) -> None:
    """Delete files, then every folder that is empty by then; the list of files goes last."""
    for file in files:
        if str(file) != run_files.REMOVING:
            (folder / file).unlink(missing_ok=True)
    (folder / run_files.REMOVING).unlink(missing_ok=True)
    for where, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # not empty: it holds something that is kept
            Path(where).rmdir()


def _size(folder: Path, files: Sequence[Path]) -> int:
    """Bytes of files; one that is gone by now counts nothing."""
    return sum((folder / file).lstat().st_size for file in files if (folder / file).is_file())
