"""Paths a config names: a file, a folder, a glob, or `sample:NAME` for data shipped with the project."""

from __future__ import annotations

import difflib
import glob
import importlib.resources
import re
from collections.abc import Sequence
from pathlib import Path

from components.shared.errors import InputError

SAMPLE = "sample:"
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Named, not imported: components know nothing of the pipelines package, they only read data that lies in its folder.
SAMPLE_PACKAGE, SAMPLE_FOLDER = "pipelines", "sample_data"


def locate(text: str) -> Path:
    """The path that ``text`` stands for; it need not exist. Relative paths are relative to the working directory.

    Raises:
        InputError: the path is remote, or ``sample:`` data is asked for where the package that carries it is not
            installed.
    """
    if REMOTE.match(text):
        raise InputError(f"{text}: remote paths are not read here; copy the data to this machine and give that path")
    if not text.startswith(SAMPLE):
        return Path(text).expanduser()
    try:
        package = importlib.resources.files(SAMPLE_PACKAGE)
    except ModuleNotFoundError:
        raise InputError(f"{text}: the sample data is not installed here; give a path instead") from None
    return Path(str(package)) / SAMPLE_FOLDER / text.removeprefix(SAMPLE)


def existing_file(text: str) -> Path:
    """The file that ``text`` names.

    Raises:
        InputError: it does not exist, or is a folder.
    """
    path = locate(text)
    if not path.exists():
        raise InputError(_missing(text, path))
    if not path.is_file():
        raise InputError(f"{text}: expected a file, got a folder")
    return path


def files_of(text: str, suffixes: Sequence[str]) -> list[Path]:
    """Files of a table, ordered by name: the file itself, a glob's matches, or all of a folder with ``suffixes``.

    Files whose name starts with ``.`` or ``_`` are markers of other tools and are left out of folders.

    Raises:
        InputError: nothing is there.
    """
    path = locate(text)
    if path.is_dir():
        found = [file for suffix in suffixes for file in path.rglob(f"*{suffix}")]
        found = sorted(file for file in found if file.is_file() and file.name[0] not in "._")
        if not found:
            raise InputError(f"{text}: the folder holds no {' or '.join('*' + suffix for suffix in suffixes)}")
        return found
    if path.exists():
        return [path]
    if glob.has_magic(path.name) or glob.has_magic(str(path.parent)):
        found = sorted(file for name in glob.glob(str(path), recursive=True) if (file := Path(name)).is_file())  # noqa: PTH207 - Path.glob refuses absolute patterns
        if not found:
            raise InputError(f"{text}: no file matches this pattern (looked from {Path.cwd()})")
        return found
    raise InputError(_missing(text, path))


def _missing(text: str, path: Path) -> str:
    """``data/pannel.csv does not exist; data holds panel.csv``: the nearest names in the deepest existing folder."""
    folder, name = path.parent, path.name
    while not folder.is_dir():
        folder, name = folder.parent, folder.name
    present = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(name, present, n=3) or present[:5]
    shown = ", ".join(near) if near else "nothing"
    return f"{text}: no such file or folder; {folder.resolve()} holds {shown}"
