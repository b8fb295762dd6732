"""Follow a run: say each task's state when it changes, and how the run ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pipelines.cloud.runs import RunState, Server, State, Submitted, TaskState

_WORDS = {State.RUNNING: "started"}


def wait(server: Server, run: Submitted, say: Callable[[str], None], *, poll: float = 10.0) -> RunState:
    """Wait until a run is over.

    Args:
        server: where it runs.
        run: which one.
        say: called with one line a change.
        poll: seconds between two looks.
    """
    seen: dict[str, State] = {}
    begin = time.monotonic()
    while True:
        now = server.state(run.name)
        for line in changes(seen, now.tasks):
            say(line)
        seen = {name: task.state for name, task in now.tasks.items()}
        if now.state.over:
            say(f"{run.name}: {now.state} after {time.monotonic() - begin:.1f} s")
            return now
        time.sleep(poll)


def changes(seen: Mapping[str, State], tasks: Mapping[str, TaskState]) -> list[str]:
    """One line for each task whose state is another than it was."""
    lines = []
    for name, task in tasks.items():
        if task.state == seen.get(name) or task.state == State.PENDING:
            continue
        if task.state.over and name not in seen and task.state != State.SKIPPED:
            lines.append(f"{name}: started")
        took = f" in {task.seconds:.1f} s" if task.seconds else ""
        failed = f": {task.error}" if task.error else ""
        lines.append(f"{name}: {_WORDS.get(task.state, task.state)}{took}{failed}")
    return lines
