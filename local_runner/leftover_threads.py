"""Threads that a task leaves behind: said in its log, and no reason for the command never to end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told() -> Iterator[None]:
    """Say at the end of the block which threads that began in it are still running.

    Only those that would keep a process of its own alive: a daemon thread is meant to be left behind.
    """
    before = set(threading.enumerate())
    try:
        yield
    finally:
        left = [thread.name for thread in _lasting() if thread not in before]
        if left:
            what = "is a thread" if len(left) == 1 else "are threads"
            sys.stderr.write(
                f"{', '.join(left)} {what} that this task left running: anything printed there from now on is in the"
                " log of another task\n"
            )


def end_with(command: Callable[[], None]) -> None:
    """Run a command and end the process with its exit code, also when Python would wait for a thread for ever."""
    code: object = 0
    try:
        command()
    except SystemExit as ending:
        code = ending.code
    if _lasting():
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else bool(code))  # what the run had to write has been written
    sys.exit(code)  # type: ignore[arg-type]


def _lasting() -> list[threading.Thread]:
    """Threads other than the main one that the interpreter waits for before it ends."""
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
