"""The graph of a run as an SVG: each task with its state and how long it took."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from local_runner.durations import in_words
from local_runner.graph import Arrow, Box, layout
from local_runner.plan import Pipeline
from local_runner.records import State, TaskRecord

COLOURS = {
    State.PENDING: ("#f5f7f9", "#5f6b77"),
    State.RUNNING: ("#e3efff", "#1f6feb"),
    State.SUCCEEDED: ("#e6f6ea", "#1a7f37"),
    State.CACHED: ("#e2f4f5", "#0e7c86"),
    State.SKIPPED: ("#f0f2f4", "#5f6b77"),
    State.FAILED: ("#fdeaea", "#c62828"),
    State.INTERRUPTED: ("#fff3dc", "#8a5200"),
}
"""Fill and line by state; the state is also written, colour alone tells nothing."""

_LETTER = 6.6
"""Width of a letter, in pixels, of the fonts a browser is likely to have; boxes cannot measure their text."""

_WORST = (State.FAILED, State.INTERRUPTED, State.RUNNING, State.SUCCEEDED, State.CACHED, State.SKIPPED, State.PENDING)


Link = Callable[[str, Sequence[TaskRecord]], str]
"""The address a box leads to, from its path in the graph and its records; empty for a box that leads nowhere."""


def graph_svg(pipeline: Pipeline, tasks: Sequence[TaskRecord], link: Link | None = None) -> str:
    """Draw a pipeline with what became of its tasks; a task in a loop shows its iterations together."""
    by_path: dict[str, list[TaskRecord]] = {}
    for task in tasks:
        by_path.setdefault(static_path(task.path), []).append(task)
    plan = layout(pipeline)
    shapes = [_arrow(arrow) for arrow in plan.arrows]
    # Frames of nested scopes come first in the layout, so that arrows inside them stay visible.
    frames = [_linked(box, by_path.get(box.path, []), link) for box in plan.boxes if box.scope]
    leaves = [_linked(box, by_path.get(box.path, []), link) for box in plan.boxes if not box.scope]
    size = f'width="{plan.width + 4:.0f}" height="{plan.height + 4:.0f}"'
    view = f'viewBox="-2 -2 {plan.width + 4:.0f} {plan.height + 4:.0f}"'
    title = f"Graph of {html.escape(pipeline.name)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img" aria-label="{title}" '
        'font-family="system-ui, sans-serif" font-size="12">' + "".join([*frames, *shapes, *leaves]) + "</svg>"
    )


def static_path(path: str) -> str:
    """The path in the graph of a task in a run: iteration numbers left out."""
    return "/".join(part for part in path.split("/") if not part.isdigit())


def _arrow(arrow: Arrow) -> str:
    (x, y), *rest = arrow.points
    path = f"M{x:.1f},{y:.1f}"
    for right, level in rest:
        bend = (x + right) / 2
        straight = level == y
        path += f" H{right:.1f}" if straight else f" C{bend:.1f},{y:.1f} {bend:.1f},{level:.1f} {right:.1f},{level:.1f}"
        x, y = right, level
    return f'<path d="{path}" fill="none" stroke="#9aa7b4" stroke-width="1.4"/>'


def _linked(box: Box, records: Sequence[TaskRecord], link: Link | None) -> str:
    address = link(box.path, records) if link else ""
    drawn = _box(box, records)
    return f'<a href="{html.escape(address)}">{drawn}</a>' if address else drawn


def _box(box: Box, records: Sequence[TaskRecord]) -> str:
    state = next((state for state in _WORST if any(task.state == state for task in records)), State.PENDING)
    fill, line = COLOURS[state]
    frame = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"'
    look = f'fill="{"#fbfcfd" if box.scope else fill}" stroke="{line}"' + (
        ' stroke-dasharray="4 3"' if box.scope else ""
    )
    room = int((box.width - 20) / _LETTER)
    tip = html.escape(box.path)
    if box.scope:
        title = _shortened(f"{box.name} · {_said(state, records, room - len(box.name) - 3)}", room)
        words = f'<text x="{box.x + 10:.1f}" y="{box.y + 17:.1f}" fill="{line}">{html.escape(title)}</text>'
    else:
        name = html.escape(_shortened(box.name, int(room * 0.9)))  # bold letters are wider
        said = html.escape(_said(state, records, room))
        words = (
            f'<text x="{box.x + 10:.1f}" y="{box.y + 19:.1f}" font-weight="600" fill="#1c2733">{name}</text>'
            f'<text x="{box.x + 10:.1f}" y="{box.y + 36:.1f}" fill="{line}">{said}</text>'
        )
    return f"<g><title>{tip}</title><rect {frame} {look}/>{words}</g>"


def _said(state: State, records: Sequence[TaskRecord], room: int) -> str:
    """State, how many iterations are in it, and how long they took if there is room for so many letters."""
    if not records:
        return "not started"
    alike = sum(task.state == state for task in records)
    several = "" if len(records) == 1 else f"{alike} × " if alike == len(records) else f"{alike} of {len(records)} "
    said = f"{several}{state.value}"
    took = f", {in_words(sum(task.seconds or 0.0 for task in records))}"
    return said + took if state in (State.SUCCEEDED, State.FAILED) and len(said + took) <= room else said


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
