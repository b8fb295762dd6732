"""Files that are either whole or absent: write beside the target, then rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.shared.errors import ArtifactError


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Yield a scratch folder beside ``target``; on success it becomes ``target``, on failure it is removed.

    An existing ``target`` is replaced only once the new one is complete.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        if target.is_dir() and not target.is_symlink():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
            target.rename(old / target.name)
            scratch.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_folder(target: str | Path) -> None:
    """Remove a folder in one step: whoever looks finds all of it or none, also after a crash in the middle."""
    target = Path(target)
    if not target.is_dir():
        return
    gone = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    target.rename(gone / target.name)
    shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """Yield a scratch path beside ``target``; on success it replaces ``target`` in one step."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=f".tmp{target.suffix}", dir=target.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON that another reader gets whole or not at all. NaN and infinity are refused."""
    with new_file(path) as scratch:
        scratch.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a manifest.

    Raises:
        ArtifactError: the file is absent or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot read manifest {path}: {error}") from error


def digest_of_files(paths: list[Path]) -> str:
    """SHA-256 over names and contents, in the order given."""
    joined = hashlib.sha256()
    for path in paths:
        joined.update(path.name.encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                joined.update(block)
    return f"sha256:{joined.hexdigest()}"
