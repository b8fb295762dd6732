"""A damaged database is set aside and made again from what each run and task left in its own folder."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from local_runner.records import RunRecord, TaskRecord
from local_runner.serialise import run_from_json, task_from_json

RUN_FILE, TASK_FILE = "run.json", "record.json"


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
    """Run records found in run folders; one that was cut off while it was written is left out."""
    for file in sorted(root.glob(f"*/{RUN_FILE}")):
        try:
            yield run_from_json(file.read_text(encoding="utf-8"), file.parent)
        except (ValueError, KeyError, TypeError):
            continue


def tasks(root: Path, run: RunRecord) -> Iterator[TaskRecord]:
    """Finished tasks found in a run's folder, oldest first; a record that was cut off means the task runs again."""
    found = []
    for file in (run.folder / "tasks").rglob(TASK_FILE):
        try:
            found.append(task_from_json(file.read_text(encoding="utf-8"), root))
        except (ValueError, KeyError, TypeError):
            continue
    yield from sorted(found, key=lambda task: (task.finished or 0.0, task.path))
