"""The run store: one SQLite file (WAL) of records beside one folder a run.

``<root>/store.sqlite`` holds run and task records; ``<root>/<run id>/`` holds the compiled file, the journal from which
the records can be made again, and each task's folder. Several processes may use one store at once. A run belongs to the
process that holds the lock on its journal; one that says "running" without a holder was interrupted, and reads so.
"""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from local_runner import database, disk, journal, rebuild
from local_runner.errors import StoreError, UsageError, nearest
from local_runner.records import RunRecord, State, TaskRecord
from local_runner.serialise import portable, run_from_json, run_to_json, task_from_json, task_to_json

_PATIENCE = 0.5
"""Seconds to wait for the lock of a run: whoever asks whether it is held has it for a moment."""


class Store:
    """Read and write records. Open one a process (SQLite connections do not cross processes or threads)."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        self._locks: dict[str, int] = {}
        self._later: list[tuple[TaskRecord, str, int]] = []
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._db = self._open(self.root / "store.sqlite")
        except (OSError, sqlite3.OperationalError) as error:
            reason = "the disk is full" if disk.is_full(error) else error
            raise StoreError(f"cannot use {self.root} as a run store: {reason}") from error

    def _open(self, file: Path) -> sqlite3.Connection:
        """Open the database; make it if there is none, and again from the run folders if it is damaged."""
        db = _connect_sound(file) if file.exists() else None
        if db is not None:
            if database.is_prepared(db):
                return db
            db.close()
        with database.exclusive(self.root / ".rebuild"):
            db = _connect_sound(file)
            damaged = db is None
            if db is None:
                rebuild.set_aside(file)
                db = database.connect(file)
            self._db = db
            database.prepare(db)
            if damaged:
                self._read_folders()
        return db

    def _read_folders(self) -> None:
        for run in rebuild.runs(self.root):
            with database.transaction(self._db):
                self._write_run(run, run_to_json(run))
                for position, task in enumerate(rebuild.tasks(self.root, run)):
                    self._write(task, task_to_json(task, self.root), position)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every lock and the connection."""
        # On a full disk the last records are lost, and those tasks run again.
        with suppress(sqlite3.Error):
            self.flush()
        for run_id in list(self._locks):
            self.release(run_id)
        self._db.close()

    # -- reading ---------------------------------------------------------------------------------------------------

    def runs(
        self, *, pipeline: str = "", state: State | None = None, limit: int | None = None, since: float | None = None
    ) -> list[RunRecord]:
        """Runs, newest first; ``since`` leaves out those begun earlier (seconds since the epoch)."""
        rows = self._db.execute(
            "SELECT id, record FROM runs WHERE (? = '' OR pipeline = ?) AND created >= ? AND (? OR state IN (?, ?))"
            " ORDER BY created DESC, id DESC",
            # An interrupted run may be recorded as running: only its lock tells.
            (pipeline, pipeline, since or 0.0, state is None, state, _recorded_as(state)),
        )
        found = (self._current(run_from_json(record, self.root / run_id)) for run_id, record in rows)
        return list(itertools.islice((run for run in found if state is None or run.state == state), limit))

    def ids(self) -> list[str]:
        """Ids of all runs."""
        return [run_id for (run_id,) in self._db.execute("SELECT id FROM runs ORDER BY created, id")]

    def users(self, run: RunRecord, leaving: Collection[str] = ()) -> list[str]:
        """Other runs, not themselves ``leaving``, that read, took over or name something in this run's folder."""
        folder = f"{run.folder}{os.sep}"
        inside = portable(folder, self.root)
        linked = self._db.execute(
            "SELECT DISTINCT run_id FROM links WHERE uri >= ? AND uri < ?", (inside, f"{inside}\U0010ffff")
        )
        # An argument or an input of a run that has not come to read it yet is in its record alone.
        written = [json.dumps(text)[1:-1] for text in (folder, inside)]
        named = self._db.execute("SELECT id FROM runs WHERE instr(record, ?) OR instr(record, ?)", written)
        return sorted({run_id for (run_id,) in (*linked, *named)} - {run.id, *leaving})

    def run(self, name: str) -> RunRecord:
        """One run by its id, by a unique beginning or end of it, or ``latest``.

        Raises:
            UsageError: no run, or more than one, answers to that name.
        """
        if name == "latest":
            newest = self._db.execute("SELECT id FROM runs ORDER BY created DESC, id DESC LIMIT 1").fetchone()
            if newest is None:
                raise UsageError(f"{self.root} holds no run yet")
            name = newest[0]
        row = self._db.execute("SELECT id, record FROM runs WHERE id = ?", (name,)).fetchone()
        if row is None:
            ids = [found[0] for found in self._db.execute("SELECT id FROM runs")]
            matches = [run_id for run_id in ids if run_id.startswith(name) or run_id.endswith(name)]
            if len(matches) != 1:
                raise UsageError(_no_such_run(name, matches, ids, self.root))
            row = self._db.execute("SELECT id, record FROM runs WHERE id = ?", (matches[0],)).fetchone()
        return self._current(run_from_json(row[1], self.root / row[0]))

    def tasks(self, run_id: str) -> list[TaskRecord]:
        """All task records of a run in the order they first started."""
        self.flush()
        rows = self._db.execute("SELECT record FROM tasks WHERE run_id = ? ORDER BY position, path", (run_id,))
        interrupted = not self.is_held(run_id)
        return [
            _interrupted(task_from_json(row[0], self.root)) if interrupted else task_from_json(row[0], self.root)
            for row in rows
        ]

    def task(self, run_id: str, path: str) -> TaskRecord | None:
        """One task record, None when it never started."""
        self.flush()
        row = self._db.execute("SELECT record FROM tasks WHERE run_id = ? AND path = ?", (run_id, path)).fetchone()
        return None if row is None else task_from_json(row[0], self.root)

    def reusable(self, cache_key: str) -> Iterator[TaskRecord]:
        """Successful tasks of any run with this cache key, newest first."""
        if any(task.cache_key == cache_key for task, *_ in self._later):
            self.flush()
        rows = self._db.execute(
            "SELECT record FROM tasks WHERE cache_key = ? AND state = ? ORDER BY finished DESC",
            (cache_key, State.SUCCEEDED.value),
        ).fetchall()
        for (record,) in rows:
            yield task_from_json(record, self.root)

    def producers(self, uri: str) -> list[tuple[str, str, str]]:
        """(run, task, output name) of every task that wrote or took over the artifact at ``uri``."""
        return self._linked(uri, "out")

    def consumers(self, uri: str) -> list[tuple[str, str, str]]:
        """(run, task, input name) of every task that read the artifact at ``uri``."""
        return self._linked(uri, "in")

    def _linked(self, uri: str, direction: str) -> list[tuple[str, str, str]]:
        self.flush()
        rows = self._db.execute(
            "SELECT run_id, path, name FROM links WHERE uri = ? AND direction = ? ORDER BY run_id, path",
            (portable(uri, self.root), direction),
        )
        return [(run_id, path, name) for run_id, path, name in rows]

    def _current(self, run: RunRecord) -> RunRecord:
        """A run that says "running" but has no holder was interrupted."""
        if run.state == State.RUNNING and not self.is_held(run.id):
            return dataclasses.replace(run, state=State.INTERRUPTED)
        return run

    # -- writing ---------------------------------------------------------------------------------------------------

    def new_run(
        self,
        pipeline: str,
        spec: str,
        arguments: Mapping[str, Any],
        options: Mapping[str, Any],
        where: Mapping[str, Any] | None = None,
    ) -> RunRecord:
        """Make a run folder, write the compiled text into it, take its lock and record it as running.

        ``where`` gives the record's machine and device.
        """
        run_id, folder = self._new_folder(pipeline)
        run = RunRecord(
            run_id, pipeline, State.RUNNING, folder, time.time(), None, dict(arguments), dict(options), **(where or {})
        )
        try:
            (folder / "tasks").mkdir()
            run.spec.write_text(spec, encoding="utf-8")
            self.hold(run_id)
            self.save_run(run)
        except (OSError, sqlite3.Error) as error:
            shutil.rmtree(folder, ignore_errors=True)  # made a moment ago, and by nobody else
            reason = "the disk is full" if disk.is_full(error) else error
            raise StoreError(f"cannot begin a run in {self.root}: {reason}") from error
        return run

    def _new_folder(self, pipeline: str) -> tuple[str, Path]:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for _ in range(100):
            run_id = f"{stamp}-{pipeline[:40]}-{secrets.token_hex(2)}"
            folder = self.root / run_id
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # two runs in one second drew the same suffix
            except OSError as error:
                raise StoreError(f"cannot make a run folder in {self.root}: {error}") from error
            return run_id, folder
        raise StoreError(f"cannot find a free run id in {self.root}")

    def save_run(self, run: RunRecord) -> None:
        """Insert or replace a run record, in its journal too."""
        self.flush()
        text = run_to_json(run)
        self._note(run.id, "run", text)
        self._write_run(run, text)

    def _write_run(self, run: RunRecord, text: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
            (run.id, run.pipeline, run.state.value, run.created, text),
        )

    def _note(self, run_id: str, kind: journal.Kind, text: str) -> None:
        """Append to the journal of a run, which is open while this process holds the run."""
        if run_id in self._locks:
            journal.append(self._locks[run_id], kind, text)
            return
        descriptor = journal.open_for_appending(self.root / run_id)
        try:
            journal.append(descriptor, kind, text)
        finally:
            os.close(descriptor)

    def save_task(self, task: TaskRecord, *, later: bool = False) -> None:
        """Insert or replace a task record and its artifact links, in one transaction.

        With ``later`` it is in the run's journal at once and in the database by the next :meth:`flush`: the end of one
        task and the start of the next then cost one transaction.
        """
        text = task_to_json(task, self.root)
        if task.state in (State.SUCCEEDED, State.FAILED):
            self._note(task.run_id, "task", text)
        self._later.append((task, text, time.time_ns()))
        if not later:
            self.flush()

    def flush(self) -> None:
        """Write every task record that was saved for later."""
        if not self._later:
            return
        waiting, self._later = self._later, []
        with database.transaction(self._db):
            for task, text, position in waiting:
                self._write(task, text, position)

    def _write(self, task: TaskRecord, text: str, position: int) -> None:
        self._db.execute(
            "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, path) DO UPDATE SET"
            " state=excluded.state, cache_key=excluded.cache_key, finished=excluded.finished, record=excluded.record",
            (task.run_id, task.path, position, task.state.value, task.cache_key, task.finished, text),
        )
        if not task.state.finished:
            return
        links = list(_links(task, self.root))
        # A task that ends without artifacts, as most do, may have had some in an earlier attempt.
        if links or task.attempt:
            self._db.execute("DELETE FROM links WHERE run_id = ? AND path = ?", (task.run_id, task.path))
            self._db.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", links)

    def forget_run(self, run_id: str) -> None:
        """Remove a run's records; its folder is left to the caller."""
        self.flush()
        with database.transaction(self._db):
            self._db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            self._db.execute("DELETE FROM tasks WHERE run_id = ?", (run_id,))
            self._db.execute("DELETE FROM links WHERE run_id = ?", (run_id,))

    # -- locks -----------------------------------------------------------------------------------------------------

    def hold(self, run_id: str) -> None:
        """Take the run for this process; the kernel gives the lock back when the process ends, however it ends.

        Raises:
            StoreError: another process is running it now.
        """
        descriptor = journal.open_for_appending(self.root / run_id)
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    os.close(descriptor)
                    raise StoreError(f"run {run_id} is being run by another process") from error
                time.sleep(_PATIENCE / 25)
        self._locks[run_id] = descriptor

    def release(self, run_id: str) -> None:
        """Give the run back."""
        os.close(self._locks.pop(run_id))

    def is_held(self, run_id: str) -> bool:
        """Whether some process (this one included) is running it now."""
        if run_id in self._locks:
            return True
        try:
            descriptor = os.open(self.root / run_id / journal.NAME, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def _recorded_as(state: State | None) -> State | None:
    return State.RUNNING if state == State.INTERRUPTED else state


def _no_such_run(name: str, matches: list[str], ids: list[str], root: Path) -> str:
    if matches:
        return f"{name!r} fits {len(matches)} runs: {', '.join(sorted(matches)[:5])}; type more of one of them"
    place = "" if root == Path("runs").absolute() else f" --root {root}"
    listed = f"list the runs with: python -m local_runner runs list{place}"
    return f"no run {name!r} in {root}. {nearest(name, sorted(ids)[-10:])}; {listed}"


def _interrupted(task: TaskRecord) -> TaskRecord:
    return dataclasses.replace(task, state=State.INTERRUPTED) if task.state == State.RUNNING else task


def _links(task: TaskRecord, root: Path) -> Iterator[tuple[str, str, str, str, str]]:
    for direction, artifacts in (("in", task.inputs), ("out", task.artifacts)):
        for name, found in artifacts.items():
            for artifact in found:
                yield task.run_id, task.path, direction, name, portable(artifact.uri, root)


def _connect_sound(file: Path) -> sqlite3.Connection | None:
    """The open database; None if it is damaged."""
    if rebuild.is_truncated(file):
        return None
    try:
        return database.connect(file)
    except sqlite3.DatabaseError as error:
        if not database.means_damage(error):  # a full disk, or no permission: the records are as good as ever
            raise
    return None
