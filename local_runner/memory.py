"""The most memory a task needed at once."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_STATUS, _RESET = "/proc/self/status", "/proc/self/clear_refs"


@dataclass
class Peak:
    """Bytes of memory the process held at most; None where the system does not tell it for a stretch of time."""

    value: int | None = None


@contextmanager
def measured() -> Iterator[Peak]:
    """The process's highest resident memory within the block, known after it.

    Linux can begin its high-water mark anew. Elsewhere there is one mark for the life of the process, so that only a
    block that raised it has a figure.
    """
    peak = Peak()
    before = 0 if _renew() else _mark()
    try:
        yield peak
    finally:
        after = _mark()
        if after > before:
            peak.value = after


def _renew() -> bool:
    """Begin the high-water mark anew; False where that cannot be done."""
    with contextlib.suppress(OSError):
        descriptor = os.open(_RESET, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"5")
        finally:
            os.close(descriptor)
        return True
    return False


def _mark() -> int:
    """Bytes at the high-water mark of this process."""
    if sys.platform == "linux":
        # Not getrusage: that of a new process begins with the memory of the one that started it.
        with contextlib.suppress(OSError, ValueError):
            text = _read(_STATUS)
            start = text.index(b"VmHWM:") + len(b"VmHWM:")
            return int(text[start : text.index(b"kB", start)]) * 1024
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found * 1024


def _read(path: str) -> bytes:
    """A small file of the kernel's in one go, without the buffers of a stream."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 14)
    finally:
        os.close(descriptor)
