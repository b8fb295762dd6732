"""A damaged database is set aside and made again from the journal of each run."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from local_runner import journal
from local_runner.records import RunRecord, TaskRecord
from local_runner.serialise import run_from_json, task_from_json

Record = TypeVar("Record")


def is_truncated(database: Path) -> bool:
    """Whether the file is shorter than its own header says (a copy or a write that was cut off)."""
    try:
        with database.open("rb") as stream:
            header = stream.read(100)
            length = os.fstat(stream.fileno()).st_size
    except FileNotFoundError:
        return False
    if not header:
        return False
    if len(header) < 100 or not header.startswith(b"SQLite format 3\x00"):
        return True
    (page_size,) = struct.unpack(">H", header[16:18])
    changed, pages, valid_for = (struct.unpack(">I", header[at : at + 4])[0] for at in (24, 28, 92))
    # 1 stands for 65,536; the page count only holds if it was written by the last change.
    return bool(changed == valid_for and length < pages * (65536 if page_size == 1 else page_size))


def set_aside(database: Path) -> Path:
    """Move a damaged database and its companions out of the way; nothing is deleted."""
    aside = database.with_name(f"{database.name}.damaged-{time.time_ns()}")
    for suffix in ("", "-wal", "-shm"):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def runs(root: Path) -> Iterator[RunRecord]:
    """The last record of each run that has a journal."""
    for file in sorted(root.glob(f"*/{journal.NAME}")):
        yield from list(_sound(file.parent, "run", partial(run_from_json, folder=file.parent)))[-1:]


def tasks(root: Path, run: RunRecord) -> Iterator[TaskRecord]:
    """The last record of each finished task of a run, oldest first; a record that was cut off means it runs again."""
    found = {task.path: task for task in _sound(run.folder, "task", partial(task_from_json, root=root))}
    yield from sorted(found.values(), key=lambda task: (task.finished or 0.0, task.path))


def _sound(folder: Path, kind: journal.Kind, parse: Callable[[str], Record]) -> Iterator[Record]:
    """Records of one kind; one that is no such record, as a hand may have left it, is passed over."""
    for written, text in journal.read(folder):
        try:
            if written == kind:
                yield parse(text)
        except (ValueError, KeyError, TypeError):
            continue
