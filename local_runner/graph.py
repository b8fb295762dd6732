"""Where the boxes and arrows of a pipeline's graph go: a layered layout, nested scopes as boxes inside boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from local_runner.plan import Dag, Pipeline, Task

WIDTH, HEIGHT = 148, 46
GAP_X, GAP_Y = 34, 14
PADDING, TITLE = 12, 22


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
    """From the middle of one box's right side to the middle of another's left side."""

    x1: float
    y1: float
    x2: float
    y2: float


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
    layers = _layers(dag.tasks)
    heights = [sum(sizes[name][1] for name in layer) + GAP_Y * (len(layer) - 1) for layer in layers]
    tallest = max(heights, default=0.0)
    places: dict[str, Box] = {}
    x = 0.0
    for layer, height in zip(layers, heights, strict=True):
        y = (tallest - height) / 2
        for name in layer:
            places[name] = Box(prefix + name, name, x, y, *sizes[name], scope=name in inner)
            y += sizes[name][1] + GAP_Y
        x += max(sizes[name][0] for name in layer) + GAP_X
    return Layout(tuple(_boxes(places, inner)), tuple(_arrows(dag.tasks, places, inner)), max(x - GAP_X, 0.0), tallest)


def _inside(pipeline: Pipeline, task: Task, scope: Dag, prefix: str) -> Layout:
    """The layout of a nested scope, with room for its frame and its title."""
    found = _layout(pipeline, scope, f"{prefix}{task.name}/")
    moved = _moved(found, PADDING, PADDING + TITLE)
    return replace(moved, width=max(found.width, WIDTH) + 2 * PADDING, height=found.height + 2 * PADDING + TITLE)


def _layers(tasks: Mapping[str, Task]) -> list[list[str]]:
    """Task names by how many tasks must come before them."""
    depth: dict[str, int] = {}
    for name, task in tasks.items():  # in an order in which they can run
        depth[name] = 1 + max((depth[other] for other in task.upstream if other in depth), default=-1)
    return [[name for name in tasks if depth[name] == level] for level in range(max(depth.values(), default=-1) + 1)]


def _boxes(places: Mapping[str, Box], inner: Mapping[str, Layout]) -> Iterator[Box]:
    for name, box in places.items():
        yield box
        if name in inner:
            yield from _moved(inner[name], box.x, box.y).boxes


def _arrows(tasks: Mapping[str, Task], places: Mapping[str, Box], inner: Mapping[str, Layout]) -> Iterator[Arrow]:
    for name, task in tasks.items():
        after = places[name]
        for before in (places[other] for other in task.upstream if other in places):
            yield Arrow(before.x + before.width, before.y + before.height / 2, after.x, after.y + after.height / 2)
        if name in inner:
            yield from _moved(inner[name], after.x, after.y).arrows


def _moved(found: Layout, dx: float, dy: float) -> Layout:
    return replace(
        found,
        boxes=tuple(replace(box, x=box.x + dx, y=box.y + dy) for box in found.boxes),
        arrows=tuple(Arrow(a.x1 + dx, a.y1 + dy, a.x2 + dx, a.y2 + dy) for a in found.arrows),
    )
