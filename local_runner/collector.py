"""The garbage collector around a task."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local_runner import call_stack

_NEVER = 1 << 30


@contextmanager
def spared_while_importing() -> Iterator[None]:
    """Let the collector pass over long-lived objects in the block, but not while it imports a module.

    What a module defines stays. Importing TensorFlow makes half a million such objects, and looking for garbage among
    them again and again is a quarter of the whole import. New objects are looked at as ever, and so is everything as
    soon as the import is over. The collector's settings are put back after the block.
    """
    before, enabled, around = gc.get_threshold(), gc.isenabled(), call_stack.outside()
    spared = (*before[:2], _NEVER)

    def gc_callback(phase: str, info: dict[str, Any]) -> None:
        # After a pass over the younger objects: once in some 7,000 that came to stay.
        if phase == "stop" and info["generation"] == 1 and (now := gc.get_threshold()) in (before, spared):
            wanted = spared if call_stack.is_importing(sys._getframe(1), around) else before
            if wanted != now:
                gc.set_threshold(*wanted)

    gc.callbacks.append(gc_callback)
    try:
        yield
    finally:
        around.clear()  # one of these calls is this one: a circle that would keep all the task had until the next pass
        with contextlib.suppress(ValueError):  # the block removed it
            gc.callbacks.remove(gc_callback)
        gc.set_threshold(*before)
        gc.enable() if enabled else gc.disable()
