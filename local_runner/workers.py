"""Worker processes: warm ones for ``--parallel``, a fresh one for each task named by ``--isolate``.

A worker is started as a new interpreter (never forked: a fork of a process that has loaded TensorFlow is broken) and
talks over one socket. It ends when the socket closes or its parent is gone.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from local_runner.component_code import ComponentCode
from local_runner.errors import TaskError, TaskTimeoutError
from local_runner.job import Job, Result
from local_runner.lanes import InProcessLane, Lane, Progress

_GRACE = 2.0


@dataclass
class Worker:
    """One worker process and the job it has, if any."""

    process: subprocess.Popen[bytes]
    channel: Connection
    job: Job | None = None
    begun: float | None = None
    warm: bool = True

    def overdue(self) -> float | None:
        """Seconds until the job must be killed; None when it has no limit."""
        if self.job is None or self.job.timeout is None or self.begun is None:
            return None
        return self.begun + self.job.timeout + _GRACE - time.monotonic()


def start(code: ComponentCode) -> Worker:
    """Start a worker and tell it where code is."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "local_runner.worker", str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    channel = Connection(ours.detach())
    channel.send({"path": sys.path, "files": code.files, "hints": code.hints, "scratch": code.scratch})
    return Worker(process, channel)


class WorkerLane:
    """Runs jobs on up to ``size`` workers.

    Args:
        fresh: whether a job gets a worker of its own that ends after it.
    """

    def __init__(self, size: int, code: ComponentCode, on_progress: Progress, fresh: Callable[[Job], bool]) -> None:
        self.size, self.code, self.on_progress, self.fresh = size, code, on_progress, fresh
        self.busy: list[Worker] = []
        self.idle: list[Worker] = []

    def start(self, job: Job) -> None:
        alone = self.fresh(job)
        worker = self.idle.pop() if self.idle and not alone else start(self.code)
        worker.job, worker.begun, worker.warm = job, None, not alone
        worker.channel.send(job)
        self.busy.append(worker)

    def wait(self, seconds: float | None) -> list[tuple[Job, Result]]:
        limits = [limit for limit in (seconds, *(worker.overdue() for worker in self.busy)) if limit is not None]
        wait([worker.channel for worker in self.busy], max(0.0, min(limits)) if limits else None)
        ended = []
        for worker in list(self.busy):
            result = self._result(worker)
            if result is not None and worker.job is not None:
                ended.append((worker.job, result))
                self._retire(worker)
        return ended

    def close(self) -> None:
        for worker in (*self.busy, *self.idle):
            _stop(worker)
        self.busy, self.idle = [], []

    def _result(self, worker: Worker) -> Result | None:
        """What a worker sent: progress is passed on; a dead or overdue worker is a failed task."""
        try:
            while worker.channel.poll():
                what, content = worker.channel.recv()
                if what == "done":
                    return Result(**content)
                if what == "begun":  # starting an interpreter does not count against the task
                    worker.begun = time.monotonic()
                elif worker.job is not None:
                    self.on_progress(worker.job, content)
        except (EOFError, ConnectionError):
            return _lost(worker)
        limit = worker.overdue()
        if limit is not None and limit <= 0 and worker.job is not None:
            worker.process.kill()
            return Result(
                error=TaskTimeoutError(f"the task ran longer than the {worker.job.timeout:g} s it was allowed")
            )
        return None

    def _retire(self, worker: Worker) -> None:
        self.busy.remove(worker)
        worker.job = None
        if worker.warm and worker.process.poll() is None:
            self.idle.append(worker)
        else:
            _stop(worker)


def _lost(worker: Worker) -> Result:
    code = worker.process.wait()
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    return Result(error=TaskError(f"the task's process ended with {how} before the task did"))


def _stop(worker: Worker) -> None:
    worker.channel.close()
    if worker.job is not None:
        worker.process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.process.wait(_GRACE)
        return
    worker.process.kill()
    worker.process.wait()


class IsolatingLane:
    """One task at a time: in this process, or, for those named, in a fresh one."""

    size = 1

    def __init__(self, here: InProcessLane, apart: WorkerLane, isolated: Callable[[Job], bool]) -> None:
        self.here, self.apart, self.isolated = here, apart, isolated
        self.current: Lane = here

    def start(self, job: Job) -> None:
        self.current = self.apart if self.isolated(job) else self.here
        self.current.start(job)

    def wait(self, seconds: float | None) -> list[tuple[Job, Result]]:
        return self.current.wait(seconds)

    def close(self) -> None:
        self.here.close()
        self.apart.close()


def environment_of(settings: Mapping[str, Any]) -> ComponentCode:
    """Where code is, as :func:`start` told it."""
    return ComponentCode(settings["files"], settings["hints"], settings["scratch"])
