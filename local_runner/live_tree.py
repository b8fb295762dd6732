"""The tree of tasks on a terminal, redrawn in place while the run goes."""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from local_runner.durations import in_words
from local_runner.progress import counts, first_line, progress_in_words
from local_runner.records import State, TaskKind

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from local_runner.plan import Loop, Pipeline
    from local_runner.records import RunRecord, TaskRecord

REDRAWS_A_SECOND = 8
_SPINNER, _ASCII_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_MARKS = {
    State.PENDING: ("○", ".", "dim"),
    State.SUCCEEDED: ("✓", "+", "green"),
    State.CACHED: ("✓", "=", "cyan"),
    State.SKIPPED: ("–", "-", "dim"),
    State.FAILED: ("✗", "x", "bold red"),
    State.INTERRUPTED: ("✗", "!", "yellow"),
}
"""Mark, mark on a terminal without Unicode, colour."""


@dataclass
class Node:
    """One line of the tree: a task, a nested pipeline, a loop or one iteration of a loop."""

    name: str
    is_loop: bool = False
    loop: Loop | None = None
    record: TaskRecord | None = None
    attempts: int = 0
    progress: Mapping[str, Any] = field(default_factory=dict)
    last_line: str = ""
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Its own state; for an iteration, which has no record of its own, that of what is inside."""
        if self.record is not None:
            return self.record.state
        inside = [child.state for child in self.children.values()]
        for state in (State.RUNNING, State.FAILED, State.INTERRUPTED, State.PENDING):
            if state in inside:
                return state
        return State.SUCCEEDED if inside else State.PENDING


class Board:
    """The tasks of a run as a tree, kept up to date by events; knows nothing of terminals."""

    def __init__(self) -> None:
        self.root = Node("")

    def expect(self, pipeline: Pipeline) -> None:
        """Put every task of the static graph on the board; bodies of loops come iteration by iteration."""
        loops: list[str] = []
        for path, task in pipeline.walk():
            if any(path.startswith(f"{loop}/") for loop in loops):
                continue
            node = self.at(path)
            node.is_loop, node.loop = task.kind == TaskKind.LOOP, task.loop
            if task.kind == TaskKind.LOOP:
                loops.append(path)

    def at(self, path: str) -> Node:
        """The node at a path, made when it is new, with the ones above it."""
        node = self.root
        for part in path.split("/"):
            if part not in node.children:
                # A copy, not an insertion: the drawing thread may be walking over the old one right now.
                name = f"iteration {part}" if node.is_loop else part
                node.children = {**node.children, part: Node(name)}
            node = node.children[part]
        return node

    def update(self, task: TaskRecord) -> Node:
        node = self.at(task.path)
        node.record = task
        node.is_loop = task.kind == TaskKind.LOOP
        return node

    def lines(self) -> list[tuple[int, Node]]:
        """(depth, node) of what is worth a line: what is over and went well is folded, and so is all of a loop but
        its running and failed iterations."""
        return list(_unfolded(self.root, 0))


def _unfolded(parent: Node, depth: int) -> Iterator[tuple[int, Node]]:
    for child in parent.children.values():
        state = child.state
        over = state in (State.SUCCEEDED, State.CACHED, State.SKIPPED)
        if parent.is_loop and (over or state == State.PENDING):
            continue
        yield depth, child
        if not over:
            yield from _unfolded(child, depth + 1)


def fit(lines: Sequence[tuple[int, Node]], height: int) -> tuple[list[tuple[int, Node]], int]:
    """At most ``height`` lines, and how many were left out: the finished ones first, then the last waiting ones."""
    excess = len(lines) - height
    if excess <= 0:
        return list(lines), 0
    finished = [i for i, (_, node) in enumerate(lines) if node.state in (State.SUCCEEDED, State.CACHED, State.SKIPPED)]
    waiting = [i for i, (_, node) in enumerate(lines) if node.state == State.PENDING]
    rest = [i for i in range(len(lines)) if i not in {*finished, *waiting}]
    dropped = set([*finished, *reversed(waiting), *rest][:excess])
    return [line for i, line in enumerate(lines) if i not in dropped], len(dropped)


class LiveTree:
    """Draws a :class:`Board` on a terminal with rich, from rich's own refresh thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unicode = (getattr(stream, "encoding", None) or "").lower().startswith("utf")
        self._board = Board()
        self._live: Live | None = None
        self._console: Console | None = None
        self._title = self._device = ""

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title = f"{run.pipeline}  {run.id}"
        self._device = f"device: {run.device} ({run.device_reason})" if run.device else ""
        self._board.expect(pipeline)
        self._console = Console(file=self._stream, force_terminal=True)
        # Standard output is captured for each task by the runner; rich must not put its own hands on it.
        self._live = Live(
            console=self._console, get_renderable=self._draw, refresh_per_second=REDRAWS_A_SECOND,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._live.start()
        # A run that ends without its last event must still give the cursor back.
        atexit.register(self._stop)

    def task_started(self, task: TaskRecord) -> None:
        node = self._board.update(task)
        node.attempts += 1
        node.progress, node.last_line = {}, ""

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        self._board.at(task.path).progress = progress

    def task_log(self, task: TaskRecord, text: str) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            self._board.at(task.path).last_line = lines[-1].strip()

    def task_finished(self, task: TaskRecord) -> None:
        self._board.update(task)

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        self._title = f"{run.pipeline}  {run.id}  {run.state} after {in_words(run.seconds)}, {counts(tasks)}"
        self._stop()

    def _stop(self) -> None:
        atexit.unregister(self._stop)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        height = self._console.height if self._console is not None else 25
        lines, left_out = fit(self._board.lines(), max(height - 4, 3))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=48)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for depth, node in lines:
            table.add_row(*self._cells(depth, node))
        parts: list[RenderableType] = [Text(self._title, style="bold", no_wrap=True, overflow="ellipsis")]
        parts += [Text(self._device, style="dim", no_wrap=True, overflow="ellipsis")] if self._device else []
        parts.append(table)
        if left_out:
            parts.append(Text(f"and {left_out} more", style="dim"))
        return Group(*parts)

    def _cells(self, depth: int, node: Node) -> tuple[RenderableType, ...]:
        from rich.text import Text

        state, (mark, style) = node.state, self._mark(node.state)
        attempt = f" (attempt {node.attempts})" if node.attempts > 1 else ""
        record = node.record
        seconds = None
        if record is not None and record.started is not None and state not in (State.CACHED, State.SKIPPED):
            seconds = (record.finished or time.time()) - record.started
        return (
            Text.assemble("  " * depth, (mark, style), " ", (node.name, "dim" if state == State.PENDING else "")),
            Text(f"{state}{attempt}", style=style),
            Text("" if seconds is None else in_words(seconds), style="dim"),
            self._detail(node),
        )

    def _mark(self, state: State) -> tuple[str, str]:
        if state == State.RUNNING:
            frames = _SPINNER if self._unicode else _ASCII_SPINNER
            return frames[int(time.monotonic() * REDRAWS_A_SECOND) % len(frames)], "bold blue"
        mark, plain, style = _MARKS[state]
        return (mark if self._unicode else plain), style

    def _detail(self, node: Node) -> RenderableType:
        """What is worth saying beside the state: how far it is, how many iterations, why it failed."""
        from rich.text import Text

        state = node.state
        if state == State.FAILED and node.record is not None:
            return Text(first_line(node.record.error), style="red")
        if node.is_loop and node.children:
            return Text(iterations(node), style="dim")
        if state == State.RUNNING and node.progress:
            return Text(f"{self._bar(node.progress)}{progress_in_words(node.progress)}")
        if state == State.RUNNING:
            return Text(node.last_line, style="dim")
        return Text("")

    def _bar(self, progress: Mapping[str, Any], width: int = 20) -> str:
        step, total = progress.get("step"), progress.get("total")
        if not isinstance(step, int | float) or not isinstance(total, int | float) or total <= 0:
            return ""
        done = round(width * min(max(step / total, 0.0), 1.0))
        full, empty = ("━", "╌") if self._unicode else ("#", ".")
        return full * done + empty * (width - done) + "  "


def iterations(loop: Node) -> str:
    """``997 of 1,000 iterations done, 2 running, 1 failed``."""
    states = [child.state for child in loop.children.values()]
    failed, running = states.count(State.FAILED), states.count(State.RUNNING)
    over = sum(state.finished for state in states)
    of = f" of {total:,}" if (total := _expected(loop)) else ""
    parts = [f"{over:,}{of} iterations done"]
    return ", ".join([*parts, *(f"{n:,} {word}" for n, word in ((running, "running"), (failed, "failed")) if n)])


def _expected(loop: Node) -> int | None:
    """How many iterations there will be; None while that is not known."""
    if loop.loop is None or loop.record is None:
        return None
    if not loop.loop.source:
        return len(loop.loop.items)
    found = loop.record.inputs.get(loop.loop.source) or loop.record.parameters.get(loop.loop.source)
    return len(found) if isinstance(found, list | tuple) else None
