"""Which files may be shown: those in a run's folder of the store, and no others.

No address of the server holds a path. A request names a run, a task, an output and one of its files; the store's own
records say where that lies, and the real place (symbolic links followed) must be inside the store.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local_runner.digests import is_remote
from local_runner.records import ArtifactRecord, TaskRecord

MOST_FILES = 2000
"""Files of one artifact that are listed."""


@dataclass(frozen=True)
class File:
    """One file of an artifact.

    Attributes:
        name: relative to the artifact, with ``/``; empty when the artifact is this file.
        path: its real place, None when it leads out of the store or is no regular file.
        size: bytes.
    """

    name: str
    path: Path | None
    size: int = 0


@dataclass(frozen=True)
class Content:
    """What can be shown of an artifact.

    Attributes:
        files: sorted by name; none when ``absent`` says why.
        more: there are more files than are listed.
    """

    files: tuple[File, ...] = ()
    absent: str = ""
    folder: bool = False
    more: bool = False

    def file(self, name: str) -> File | None:
        """The file of that exact name."""
        return next((file for file in self.files if file.name == name), None)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def inside(root: Path, path: Path) -> Path | None:
    """The real place of ``path`` when that is inside the folder of a run of the store at ``root``, else None."""
    try:
        real = path.resolve(strict=True)
        below = real.relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # gone, outside, or a circle of links
        return None
    # <root>/<run>/tasks/…; the store's database and the records of runs are no artifacts.
    return real if len(below.parts) > 2 else None


def content(root: Path, artifact: ArtifactRecord) -> Content:
    """The files of an artifact, or why none is shown."""
    if is_remote(artifact.uri):
        return Content(absent="It lies at a remote address and is not fetched from here.")
    if "\0" in artifact.uri or not artifact.uri:
        return Content(absent="It has no place on this machine.")
    if not os.path.lexists(artifact.path):
        has_values = " Its values are kept in the store." if artifact.metadata else ""
        return Content(absent=f"There is no file of it.{has_values}")
    place = inside(root, artifact.path)
    if place is None:
        return Content(absent="It lies outside the store, so only its name is shown.")
    if place.is_file():
        return Content((File("", place, place.stat().st_size),))
    files = sorted(_files(root, place), key=lambda file: file.name)
    return Content(tuple(files[:MOST_FILES]), folder=True, more=len(files) > MOST_FILES)


def _files(root: Path, folder: Path) -> Iterator[File]:
    """Files below a folder; links to folders are not followed."""
    count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            yield _file(root, folder, path)
            count += 1
            if count > MOST_FILES:
                return


def _file(root: Path, folder: Path, path: Path) -> File:
    name = path.relative_to(folder).as_posix()
    place = inside(root, path)
    if place is None or not _is_text(name):
        return File(name, None)
    status = place.stat()
    # Opening a named pipe would wait for ever.
    return File(name, place, status.st_size) if stat.S_ISREG(status.st_mode) else File(name, None)


def _is_text(name: str) -> bool:
    """Whether a name can stand in an address: Linux lets files be named by any bytes."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def log(root: Path, task: TaskRecord) -> Path | None:
    """The log of a task, None when it has none that may be shown."""
    place = inside(root, task.log)
    return place if place is not None and place.is_file() else None
