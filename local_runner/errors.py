"""Every error the runner raises on purpose. ``exit_code`` is what the command line ends with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_runner.api import Run


class RunnerError(Exception):
    """Base of all errors raised on purpose; the work itself failed."""

    exit_code = 1


class UsageError(RunnerError):
    """What the user gave cannot be used. Holds every problem found, not just the first."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__(self.problems[0] if len(self.problems) == 1 else "\n".join(f"- {p}" for p in self.problems))


class PlanError(UsageError):
    """The compiled file says something this runner cannot run; raised before any task starts."""


class ConditionError(RunnerError):
    """A trigger condition cannot be read or compared: an error, never "false"."""


class MissingInputError(RunnerError):
    """A required input of a task has no value: its producer was skipped or wrote no such output."""


class TaskError(RunnerError):
    """A task did something the runner reports in its own words: wrong output type, exit code, missing package."""


class TaskTimeoutError(TaskError):
    """A task ran longer than it was allowed to."""


class StoreError(RunnerError):
    """The run store cannot be used: another process holds the run, or a record is unreadable."""


class PipelineFailed(RunnerError):  # noqa: N818  (the name of the public API)
    """At least one task failed. ``run`` is the whole run; ``__cause__`` is the first failing task's own exception."""

    def __init__(self, message: str, run: Run, exit_code: int = 1) -> None:
        super().__init__(message)
        self.run = run
        self.exit_code = exit_code


def nearest(name: str, valid: Iterable[str]) -> str:
    """`` did you mean X?`` with all valid names, ready to be put behind a message."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}Valid names: {', '.join(names) if names else '(none)'}"
