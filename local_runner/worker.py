"""``python -m local_runner.worker FD``: one worker process; see :mod:`local_runner.workers`."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from local_runner.errors import TaskError
from local_runner.job import Result


def main(descriptor: int) -> None:
    """Run jobs that come over the socket until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    _end_with_parent()
    channel = Connection(descriptor)
    settings = channel.recv()
    sys.path[:] = settings["path"]
    from local_runner.lanes import perform
    from local_runner.workers import environment_of

    code = environment_of(settings)
    while True:
        try:
            job = channel.recv()
        except (EOFError, ConnectionError):
            return
        channel.send(("begun", {}))
        result = perform(job, code, lambda _, progress: channel.send(("progress", dict(progress))))
        channel.send(("done", _portable(result)))


def _portable(result: Result) -> Mapping[str, Any]:
    """A result that can cross processes; an exception that cannot is told in its own words."""
    try:
        pickle.loads(pickle.dumps(result.error))  # noqa: S301  (our own bytes, in this process)
    except Exception:  # anything can go wrong in a user's exception class
        told = TaskError(f"{type(result.error).__name__}: {result.error}")
        result = Result(result.parameters, result.artifacts, told, result.traceback, result.peak_memory)
    return vars(result)


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
