"""dsl.Collected: what the iterations of a loop left, in item order."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from typing import List

import pytest
from kfp import dsl


@pytest.mark.parametrize(
    ("n", "parallel", "expected"),
    [(3, 1, "[10, 11, 12]"), pytest.param(3, 2, "[10, 11, 12]", marks=pytest.mark.slow), (0, 1, "[]")],
    ids=["three", "three-in-parallel", "none"],
)
def test_parameters_in_item_order(execute, parts, n, parallel, expected):
    @dsl.pipeline
    def pipeline(n: int) -> str:
        with dsl.ParallelFor(parts.numbers(n=n).output) as item:
            each = parts.add(a=item, b=10)
        return parts.shown(values=dsl.Collected(each.output)).output

    assert execute(pipeline, {"n": n}, parallel=parallel).outputs == {"Output": expected}


def test_a_pipeline_returns_what_a_loop_collected(execute, parts):
    @dsl.pipeline
    def pipeline() -> List[int]:
        with dsl.ParallelFor([3, 4]) as item:
            each = parts.add(a=item, b=item)
        return dsl.Collected(each.output)

    assert execute(pipeline).outputs == {"Output": [6, 8]}


def test_nested_loops_give_a_list_of_lists(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        with dsl.ParallelFor([1, 2]) as x, dsl.ParallelFor([10, 20]) as y:
            each = parts.add(a=x, b=y)
        return parts.shown(values=dsl.Collected(each.output)).output

    assert execute(pipeline).outputs == {"Output": "[[11, 21], [12, 22]]"}


@pytest.mark.parametrize(("least", "expected"), [(2, "[3]"), (0, "[1, 2, 3]"), (9, "[]")], ids=["one", "all", "none"])
def test_a_skipped_producer_adds_nothing(execute, parts, least, expected):
    @dsl.pipeline
    def pipeline(least: int) -> str:
        with dsl.ParallelFor([1, 2, 3]) as item, dsl.If(item > least):
            each = parts.add(a=item, b=0)
        return parts.shown(values=dsl.Collected(each.output)).output

    assert execute(pipeline, {"least": least}).outputs == {"Output": expected}


@pytest.mark.parametrize(("n", "expected"), [(2, "0+1"), (1, "0"), (0, "")], ids=["two", "one", "empty"])
def test_artifacts(execute, parts, n, expected):
    @dsl.pipeline
    def pipeline(n: int) -> str:
        with dsl.ParallelFor(parts.numbers(n=n).output) as item:
            each = parts.write(text=f"{item}")
        return parts.join(data=dsl.Collected(each.outputs["out"])).output

    assert execute(pipeline, {"n": n}).outputs == {"Output": expected}


def test_artifacts_of_nested_loops_come_as_one_list(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        with dsl.ParallelFor(["a", "b"]) as x, dsl.ParallelFor(["c", "d"]) as y:
            each = parts.write(text=f"{x}{y}")
        return parts.join(data=dsl.Collected(each.outputs["out"])).output

    assert execute(pipeline).outputs == {"Output": "ac+ad+bc+bd"}


def test_a_pipeline_returns_the_artifacts_of_a_loop(execute, parts):
    @dsl.pipeline
    def pipeline() -> List[dsl.Dataset]:
        with dsl.ParallelFor(["a", "bc"]) as item:
            each = parts.write(text=item)
        return dsl.Collected(each.outputs["out"])

    found = execute(pipeline).outputs["Output"]
    assert [(artifact.path.read_text(), artifact.metadata["length"]) for artifact in found] == [("a", 1), ("bc", 2)]


def test_a_loop_over_what_another_loop_collected(execute, parts, values):
    @dsl.pipeline
    def inner(items: List[int]):
        with dsl.ParallelFor(items) as item:
            parts.add(a=item, b=100)

    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([1, 2]) as item:
            first = parts.add(a=item, b=10)
        inner(items=dsl.Collected(first.output))

    assert [n for n in values(execute(pipeline), "add") if n > 100] == [111, 112]
