"""Local modules that tasks imported, so that a file edited between two runs of one process is read again."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")})
_RUNNER = str(Path(__file__).parent)
_imported: dict[str, tuple[str, int]] = {}


def forget_changed() -> None:
    """If a module that a task imported has changed on disk, forget all such modules: they may hold on to each other."""
    if all(_time(file) == then for file, then in _imported.values()):
        return
    for name in _imported:
        sys.modules.pop(name, None)
    _imported.clear()


@contextmanager
def noted() -> Iterator[None]:
    """Remember which local modules are imported in the block."""
    before = sys.modules.copy()  # copying a dict costs a tenth of making a set of it
    try:
        yield
    finally:
        if len(sys.modules) != len(before):
            for name in sys.modules.keys() - before.keys():
                file = getattr(sys.modules[name], "__file__", None)
                if isinstance(file, str) and not file.startswith((*_INSTALLED, _RUNNER)):
                    _imported[name] = (file, _time(file))


def forget_under(folder: str) -> None:
    """Forget modules imported from a folder that is about to go."""
    inside = f"{folder}/"
    for name in [n for n, module in sys.modules.items() if str(getattr(module, "__file__", None)).startswith(inside)]:
        sys.modules.pop(name)
        _imported.pop(name, None)


def _time(file: str) -> int:
    with contextlib.suppress(OSError):
        return Path(file).stat().st_mtime_ns
    return 0
