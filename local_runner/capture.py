"""A task's standard output and error, down to the file descriptors, into its log file and to whoever watches.

Its standard input is empty, as in a container: what asks a question fails rather than wait for an answer unseen.

The process's descriptors 1 and 2 are pointed at the log file while a task runs, so output of C libraries and child
processes is in it too, in order, even if the process is killed. One thread a run reads the growing files.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TextIO

from local_runner.plain_output import tolerant

_terminal: TextIO | None = None
_PERIOD = 0.1


def terminal() -> TextIO:
    """The real standard output, also while a task's output is redirected. Draw live displays on it."""
    return _terminal or sys.stdout


def duplicate_stdout() -> TextIO:
    """A stream of its own on the real standard output, for a display that lives as long as a run."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # what the terminal was found to understand
    return tolerant(os.fdopen(os.dup(1), "w", encoding=encoding))


@contextmanager
def captured(log: Path) -> Iterator[None]:
    """Send everything this process prints to ``log``, and let it read nothing, until the block ends."""
    global _terminal
    python_streams = sys.stdin, sys.stdout, sys.stderr
    for stream in python_streams[1:]:
        stream.flush()
    saved = [os.dup(number) for number in (0, 1, 2)]
    outermost = _terminal is None
    if outermost:
        _terminal = _on_descriptor(saved[1]) if _is_descriptor(python_streams[1], 1) else python_streams[1]
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for source, number in ((nothing, 0), (target, 1), (target, 2)):
            os.dup2(source, number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (a descriptor, put back below)
        sys.stdout, sys.stderr = _on_descriptor(1), _on_descriptor(2)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        sys.stdin, sys.stdout, sys.stderr = python_streams
        for number, descriptor in enumerate(saved):
            os.dup2(descriptor, number)
        if outermost:
            _flush(_terminal)
            _terminal = None
        for descriptor in (*saved, target, nothing):
            os.close(descriptor)


def _on_descriptor(descriptor: int) -> TextIO:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def _is_descriptor(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):  # a notebook's stream has no descriptor
        return False


def _flush(stream: TextIO | None) -> None:
    """Flush what a task may have closed or replaced by something else."""
    try:
        if stream is not None:
            stream.flush()
    except (ValueError, OSError, AttributeError):
        return


class LogTail:
    """Passes the growth of log files on, at most every tenth of a second; one thread for all of them."""

    def __init__(self) -> None:
        self._watched: dict[Path, tuple[Callable[[str], None], int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop, name="log-tail", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def watch(self, log: Path, tell: Callable[[str], None]) -> None:
        """Begin to pass on what is added to ``log`` from now."""
        with self._lock:
            try:
                size = log.stat().st_size
            except FileNotFoundError:
                size = 0
            self._watched[log] = (tell, size)

    def finish(self, log: Path) -> None:
        """Pass on the rest and stop watching."""
        with self._lock:
            if log in self._watched:
                self._read(log, rest=True)
                del self._watched[log]

    def _loop(self) -> None:
        while not self._stop.wait(_PERIOD):
            with self._lock:
                for log in list(self._watched):
                    self._read(log, rest=False)

    def _read(self, log: Path, *, rest: bool) -> None:
        tell, position = self._watched[log]
        try:
            if log.stat().st_size == position:
                return
            with log.open("rb") as stream:
                stream.seek(position)
                new = stream.read()
        except FileNotFoundError:
            return
        # Whole lines while the task runs, so that watchers never print half a line.
        end = len(new) if rest else new.rfind(b"\n") + 1
        if end:
            self._watched[log] = (tell, position + end)
            tell(new[:end].decode("utf-8", "replace"))
