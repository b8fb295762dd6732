"""What is going on in a call and those around it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from types import FrameType

_IMPORTING = "<frozen importlib._bootstrap>"
GC_CALLBACK = "gc_callback"
"""Name of a function that the garbage collector calls."""


def outside() -> set[FrameType]:
    """The calls in progress here: what whoever asks later is not to count, as the runner itself may be imported."""
    return set(_calls(sys._getframe(1)))


def is_importing(frame: FrameType | None, around: Collection[FrameType]) -> bool:
    """Whether a call within ``around`` belongs to an import."""
    return any(call.f_code.co_filename == _IMPORTING for call in _calls(frame) if call not in around)


def drops_errors(frame: FrameType | None) -> bool:
    """Whether Python would drop what is raised in a call, for it belongs to a finalizer or the garbage collector."""
    return any(call.f_code.co_name in ("__del__", GC_CALLBACK) for call in _calls(frame))


def _calls(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
