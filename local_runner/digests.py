"""Content digests of artifacts and of source code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_runner.records import ArtifactRecord

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # json.dumps would make one a call
_LISTED_FILES = 1000


def of_text(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def of_json(value: Any) -> str:
    """SHA-256 of plain values, whatever the order of keys."""
    return of_text(_ENCODER.encode(value))


def of_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_remote(uri: str) -> bool:
    """Whether an artifact lies on another machine."""
    return "://" in uri and not uri.startswith("file://")


def artifact(record: ArtifactRecord) -> ArtifactRecord:
    """The record with its content's digest, taken anew only if its files changed since the last time.

    A remote artifact is known by its address alone.
    """
    if is_remote(record.uri):
        return dataclasses.replace(record, digest=of_text(record.uri), stamp="remote")
    path = Path(record.uri.removeprefix("file://"))
    now = stamp(path)
    if record.digest and record.stamp == now:
        return record
    files = {name: of_file(file) for name, file in _files(path)}
    shown = files if len(files) <= _LISTED_FILES else {}
    return dataclasses.replace(record, digest=of_json(files), stamp=now, files=shown)


def stamp(path: Path) -> str:
    """Names, sizes and modification times under a path, as one short text; ``absent`` when there is nothing."""
    entries = []
    for name, file in _files(path):
        status = file.stat()
        entries.append((name, status.st_size, status.st_mtime_ns))
    return of_json(entries)[:16] if entries else ("empty" if path.is_dir() else "absent")


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield "", path
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file
