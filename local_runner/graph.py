"""Where the boxes and arrows of a pipeline's graph go: a layered layout, nested scopes as boxes inside boxes.

An arrow that passes a layer gets a lane of its own between the boxes there, so that no arrow runs behind a box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from local_runner.plan import Dag, Pipeline, Task

WIDTH, HEIGHT = 168, 46
GAP_X, GAP_Y = 34, 14
PADDING, TITLE = 12, 22
LANE = 6
"""Height of the lane in which a task's arrows pass a layer."""

Slot = tuple[str, bool]
"""A place in a layer: (task, False) is the task's box, (task, True) the lane of its arrows to later layers."""


@dataclass(frozen=True)
class Box:
    """A task; ``scope`` boxes hold others. Lengths are pixels, positions are absolute."""

    path: str
    name: str
    x: float
    y: float
    width: float
    height: float
    scope: bool


@dataclass(frozen=True)
class Arrow:
    """From the middle of one box's right side to the middle of another's left side.

    Attributes:
        points: corners from left to right. Two at one height are joined by a straight line through a layer, two at
            different heights by a curve in the gap between two layers.
    """

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """Everything to draw, outer boxes before the boxes inside them."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def layout(pipeline: Pipeline) -> Layout:
    """Place every task of the static graph, left to right in the order of its dependencies."""
    return _layout(pipeline, pipeline.root, "")


def _layout(pipeline: Pipeline, dag: Dag, prefix: str) -> Layout:
    inner = {
        task.name: _inside(pipeline, task, scope, prefix)
        for task in dag.tasks.values()
        if (scope := pipeline.scope(task)) is not None
    }
    sizes = {
        name: (inner[name].width, inner[name].height) if name in inner else (float(WIDTH), float(HEIGHT))
        for name in dag.tasks
    }
    layers = _untangled(_layers(dag.tasks), dag.tasks)
    grid = _placed(layers, sizes)
    places = {
        name: Box(prefix + name, name, grid.x[level], grid.y[level][name, False], *sizes[name], scope=name in inner)
        for level, layer in enumerate(layers)
        for name, passing in layer
        if not passing
    }
    ordered = {name: places[name] for name in dag.tasks}
    arrows = tuple(_arrows(dag.tasks, ordered, inner, grid))
    return Layout(tuple(_boxes(ordered, inner)), arrows, max(grid.right, default=0.0), grid.height)


def _inside(pipeline: Pipeline, task: Task, scope: Dag, prefix: str) -> Layout:
    """The layout of a nested scope, with room for its frame and its title."""
    found = _layout(pipeline, scope, f"{prefix}{task.name}/")
    moved = _moved(found, PADDING, PADDING + TITLE)
    return replace(moved, width=max(found.width, WIDTH) + 2 * PADDING, height=found.height + 2 * PADDING + TITLE)


def _layers(tasks: Mapping[str, Task]) -> list[list[Slot]]:
    """Boxes by how many tasks must come before them, and the lanes of arrows that pass a layer."""
    depth: dict[str, int] = {}
    reach: dict[str, int] = {}
    for name, task in tasks.items():  # in an order in which they can run
        upstream = [other for other in task.upstream if other in depth]
        depth[name] = reach[name] = 1 + max((depth[other] for other in upstream), default=-1)
        for other in upstream:
            reach[other] = max(reach[other], depth[name])
    return [
        [(name, False) for name in tasks if depth[name] == level]
        + [(name, True) for name in tasks if depth[name] < level < reach[name]]
        for level in range(max(depth.values(), default=-1) + 1)
    ]


def _untangled(layers: list[list[Slot]], tasks: Mapping[str, Task]) -> list[list[Slot]]:
    """Order each layer by the mean height of what its slots are joined to: few arrows cross, ties keep their order."""
    before: dict[tuple[int, Slot], list[Slot]] = {}
    after: dict[tuple[int, Slot], list[Slot]] = {}
    for level, layer in enumerate(layers[1:], start=1):
        for slot in layer:
            sources = {slot[0]} if slot[1] else set(tasks[slot[0]].upstream)
            joined = [other for other in layers[level - 1] if other[0] in sources]
            before[level, slot] = joined
            for other in joined:
                after.setdefault((level - 1, other), []).append(slot)
    ordered = list(layers)
    forward, backward = range(1, len(layers)), range(len(layers) - 2, -1, -1)
    for levels, step, joined_to in ((forward, -1, before), (backward, 1, after), (forward, -1, before)):
        for level in levels:
            height = {slot: (i + 0.5) / len(ordered[level + step]) for i, slot in enumerate(ordered[level + step])}
            ordered[level] = _by_mean(ordered[level], level, height, joined_to)
    return ordered


def _by_mean(
    layer: list[Slot], level: int, height: Mapping[Slot, float], joined_to: Mapping[tuple[int, Slot], list[Slot]]
) -> list[Slot]:
    def mean(slot: Slot) -> float:
        joined = joined_to.get((level, slot)) or []
        return round(sum(height[other] for other in joined) / len(joined), 6) if joined else 0.5

    return sorted(layer, key=mean)


@dataclass(frozen=True)
class _Grid:
    """Left and right edge of each layer, and the top of each slot in it."""

    x: tuple[float, ...]
    right: tuple[float, ...]
    y: tuple[Mapping[Slot, float], ...]
    height: float

    def lane(self, level: int, name: str) -> float:
        """Height of the middle of a lane."""
        return self.y[level][name, True] + LANE / 2


def _placed(layers: list[list[Slot]], sizes: Mapping[str, tuple[float, float]]) -> _Grid:
    heights = [[LANE if passing else sizes[name][1] for name, passing in layer] for layer in layers]
    totals = [sum(each) + GAP_Y * (len(each) - 1) for each in heights]
    tallest = max(totals, default=0.0)
    xs, rights, tops = [], [], []
    x = 0.0
    for layer, each, total in zip(layers, heights, totals, strict=True):
        y, top = (tallest - total) / 2, {}
        for slot, height in zip(layer, each, strict=True):
            top[slot] = y
            y += height + GAP_Y
        xs.append(x)
        rights.append(x + max(sizes[name][0] for name, passing in layer if not passing))
        tops.append(top)
        x = rights[-1] + GAP_X
    return _Grid(tuple(xs), tuple(rights), tuple(tops), tallest)


def _boxes(places: Mapping[str, Box], inner: Mapping[str, Layout]) -> Iterator[Box]:
    for name, box in places.items():
        yield box
        if name in inner:
            yield from _moved(inner[name], box.x, box.y).boxes


def _arrows(
    tasks: Mapping[str, Task], places: Mapping[str, Box], inner: Mapping[str, Layout], grid: _Grid
) -> Iterator[Arrow]:
    level = {name: grid.x.index(box.x) for name, box in places.items()}
    for name, task in tasks.items():
        after = places[name]
        for other in (other for other in task.upstream if other in places):
            before = places[other]
            out = before.y + before.height / 2
            points = [(before.x + before.width, out), (grid.right[level[other]], out)]
            for passed in range(level[other] + 1, level[name]):
                lane = grid.lane(passed, other)
                points += [(grid.x[passed], lane), (grid.right[passed], lane)]
            yield Arrow((*dict.fromkeys(points), (after.x, after.y + after.height / 2)))
        if name in inner:
            yield from _moved(inner[name], after.x, after.y).arrows


def _moved(found: Layout, dx: float, dy: float) -> Layout:
    return replace(
        found,
        boxes=tuple(replace(box, x=box.x + dx, y=box.y + dy) for box in found.boxes),
        arrows=tuple(Arrow(tuple((x + dx, y + dy) for x, y in arrow.points)) for arrow in found.arrows),
    )
