from __future__ import annotations

import json
import random
import re

import pytest

from local_runner import plan
from local_runner.graph import WIDTH, Arrow, Box, layout
from local_runner.graph_svg import graph_svg
from local_runner.plan import Pipeline
from local_runner.records import State, TaskKind, TaskRecord


def pipeline(edges: dict[str, list[str]], nested: dict[str, list[str]] | None = None) -> Pipeline:
    """A pipeline of leaf tasks by name with what each waits for; the task ``group`` holds the ``nested`` ones."""

    def tasks(of: dict[str, list[str]]) -> dict[str, object]:
        return {
            name: {"componentRef": {"name": "comp-group" if name == "group" else "comp"}, "dependentTasks": waits}
            for name, waits in of.items()
        }

    group = {"dag": {"tasks": tasks(nested or {"in": []})}}
    spec = {
        "pipelineInfo": {"name": "drawn"},
        "root": {"dag": {"tasks": tasks(edges)}},
        "components": {
            "comp": {"executorLabel": "exec"},
            "comp-group": group,
        },
        "deploymentSpec": {"executors": {"exec": {"container": {"command": ["--function_to_execute"]}}}},
    }
    return plan.parse(json.dumps(spec))


def random_edges(seed: int) -> dict[str, list[str]]:
    draw = random.Random(seed)
    return {f"t{i}": [f"t{j}" for j in range(i) if draw.random() < 0.35] for i in range(9)}


def sampled(arrow: Arrow) -> list[tuple[float, float]]:
    """Points along the drawn line: straight pieces, and cubic curves with level ends."""
    out = []
    for (x1, y1), (x2, y2) in zip(arrow.points, arrow.points[1:], strict=False):
        bend = (x1 + x2) / 2
        for t in (i / 40 for i in range(41)):
            a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
            out.append((a * x1 + (b + c) * bend + d * x2, (a + b) * y1 + (c + d) * y2))
    return out


def holds(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    return box.x + 0.5 < x < box.x + box.width - 0.5 and box.y + 0.5 < y < box.y + box.height - 0.5


SKIPPING = {"ingest": [], "train": ["ingest"], "score": ["ingest", "train"], "ship": ["ingest", "train", "score"]}
BESIDE_A_WIDE_GROUP = {"a": [], "group": [], "b": ["a", "group"], "c": ["a", "b"]}


@pytest.mark.parametrize(
    "drawn",
    [
        pipeline(SKIPPING),
        pipeline(BESIDE_A_WIDE_GROUP, {"in": [], "then": ["in"], "last": ["in", "then"]}),
        *(pipeline(random_edges(seed)) for seed in range(12)),
    ],
    ids=["skipping", "wide-group", *(f"random-{seed}" for seed in range(12))],
)
def test_no_arrow_passes_behind_a_box(drawn: Pipeline) -> None:
    found = layout(drawn)
    assert found.arrows
    for arrow in found.arrows:
        for box in (box for box in found.boxes if not box.scope):
            inside = [point for point in sampled(arrow) if holds(box, point)]
            assert not inside, f"an arrow to {arrow.points[-1]} runs through {box.path}"


def test_an_arrow_that_skips_a_layer_starts_and_ends_at_its_boxes() -> None:
    found = layout(pipeline({"a": [], "b": ["a"], "c": ["a", "b"]}))
    boxes = {box.name: box for box in found.boxes}
    (skipping,) = (arrow for arrow in found.arrows if len(arrow.points) > 2)
    a, c = boxes["a"], boxes["c"]
    assert skipping.points[0] == (a.x + a.width, a.y + a.height / 2)
    assert skipping.points[-1] == (c.x, c.y + c.height / 2)


def test_two_chains_are_drawn_without_crossing() -> None:
    found = layout(pipeline({"a": [], "b": [], "after-b": ["b"], "after-a": ["a"]}))
    heights = {box.name: box.y for box in found.boxes}
    assert (heights["a"] < heights["b"]) == (heights["after-a"] < heights["after-b"])


def test_boxes_lead_where_they_are_told_to_and_addresses_are_escaped() -> None:
    drawn = graph_svg(pipeline({"a": [], "b": []}), [], lambda path, _: '/?x="<&' if path == "a" else "")
    assert '<a href="/?x=&quot;&lt;&amp;">' in drawn
    assert drawn.count("<a ") == 1


def test_iterations_that_ended_differently_are_counted() -> None:
    states = [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]
    tasks = [TaskRecord("run", f"group/{i}/in", "in", TaskKind.PYTHON, state) for i, state in enumerate(states)]
    drawn = graph_svg(pipeline({"group": [], "after": ["group"]}), tasks)
    assert "1 of 3 failed" in drawn
    assert "not started" in drawn


@pytest.mark.parametrize("count", [1, 3000], ids=["one", "many"])
@pytest.mark.parametrize("seconds", [0.001, 100_000.0], ids=["quick", "long"])
def test_words_fit_their_box(count: int, seconds: float) -> None:
    names = ["a-task-with-a-name-much-too-long-for-its-box", "group"]
    states = [State.SUCCEEDED] * (count - 1) + [State.INTERRUPTED if count > 1 else State.SUCCEEDED]
    tasks = [
        TaskRecord("run", path, path, TaskKind.PYTHON, state, started=0.0, finished=seconds)
        for i, state in enumerate(states)
        for path in (names[0], "group", f"group/{i}/in")
    ]
    drawn = graph_svg(pipeline({names[0]: [], "group": []}), tasks)
    for words in re.findall(r"<text[^>]*>([^<]*)</text>", drawn):
        assert len(words) * 6.6 <= WIDTH + 24, words
