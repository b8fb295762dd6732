"""Resident memory of this process, in MiB. Imports nothing but the standard library: peers run it too."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_mib() -> float:
    """The most this process has held so far."""
    if sys.platform == "linux":
        # Not getrusage: there, the peak of a new process begins at that of the one that started it.
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def held_mib() -> float:
    """What it holds now; outside Linux the most so far, because nothing else can be asked without a library."""
    return _status("VmRSS") if sys.platform == "linux" else peak_mib()


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(found.split()[1]) / 1024
