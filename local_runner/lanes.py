"""Where leaf tasks run: one after the other in this process, or on several warm worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local_runner import executor, memory
from local_runner.component_code import ComponentCode
from local_runner.job import Job, Result

Progress = Callable[[Job, Mapping[str, Any]], None]


class Lane(Protocol):
    """Takes up to ``size`` jobs at a time."""

    size: int

    def start(self, job: Job) -> None:
        """Accept a job."""

    def wait(self, seconds: float | None) -> list[tuple[Job, Result]]:
        """Jobs that ended, after at most ``seconds`` (None: until one ends)."""

    def close(self) -> None:
        """End what is still running."""


class InProcessLane:
    """Runs each job in this process, in the calling thread: one at a time, everything warm."""

    size = 1

    def __init__(self, code: ComponentCode, on_progress: Progress) -> None:
        self.code, self.on_progress = code, on_progress
        self.waiting: list[Job] = []

    def start(self, job: Job) -> None:
        self.waiting.append(job)

    def wait(self, seconds: float | None) -> list[tuple[Job, Result]]:  # noqa: ARG002  (a job here takes what it takes)
        return [(job, perform(job, self.code, self.on_progress)) for job in [self.waiting.pop()]]

    def close(self) -> None:
        self.waiting.clear()


def perform(job: Job, code: ComponentCode, on_progress: Progress) -> Result:
    """Run one job of any kind in this process; its failure is in the result."""
    with memory.measured() as peak:
        result = executor.execute(job, code, lambda progress: on_progress(job, progress))
    result.peak_memory = peak.value
    if job.debug and result.error is not None and result.error.__traceback__ is not None:
        import pdb

        pdb.post_mortem(result.error.__traceback__)
    return result
