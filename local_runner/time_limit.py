"""How long a block may run: it is told by an exception, at a moment when that does no harm."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from local_runner import call_stack
from local_runner.errors import TaskTimeoutError

_AGAIN = 2.0
"""Seconds after which a block that went on in spite of its timeout is told again."""
_SOON = 0.02
"""Seconds after which it is looked again whether the block can be told now."""
_IMPORT = 60.0
"""Seconds that an import which has begun may still take."""


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TaskTimeoutError in the block after so many seconds (only the main thread can be interrupted).

    A block that catches the error and goes on is told again. One that is importing a module is told when the import is
    over, or a minute later: a large library that was half imported cannot be imported again in this process, and every
    later task would fail. One inside a finalizer (``__del__``) is told after it: Python drops what is raised there.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    running, rung = True, False
    due = time.monotonic() + seconds
    around = call_stack.outside()
    late = TaskTimeoutError(f"the task ran longer than the {seconds:g} s it was allowed")

    def ring(_: int, frame: FrameType | None) -> None:
        nonlocal rung
        if not running:
            return
        patient = time.monotonic() < due + _IMPORT
        if call_stack.drops_errors(frame) or (patient and call_stack.is_importing(frame, around)):
            signal.setitimer(signal.ITIMER_REAL, _SOON)
            return
        rung = True
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        raise late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        try:
            yield
        except Exception as error:  # told in the middle of something, code may end with an error of its own making
            if rung and error is not late:
                raise late from error
            raise
        finally:
            running = False
    finally:  # a ring in the finally above ends up here; the next one would be seconds away
        running = False
        around.clear()  # this call is among them
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
