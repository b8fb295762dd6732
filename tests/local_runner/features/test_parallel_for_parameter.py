"""dsl.ParallelFor over a list that is a parameter or a task's output."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from typing import List

import pytest
from kfp import dsl


@pytest.mark.parametrize("items", [[1, 2, 3], []], ids=["three", "none"])
def test_a_pipelines_parameter(execute, parts, values, items):
    @dsl.pipeline
    def pipeline(items: List[int]):
        with dsl.ParallelFor(items) as item:
            parts.add(a=item, b=10)

    run = execute(pipeline, {"items": items})
    assert (run.state, values(run, "add")) == ("succeeded", [n + 10 for n in items])


def test_a_tasks_output(execute, parts, values):
    @dsl.pipeline
    def pipeline(n: int = 3):
        with dsl.ParallelFor(parts.numbers(n=n).output) as item:
            parts.add(a=item, b=n)

    assert values(execute(pipeline), "add") == [3, 4, 5]


def test_a_list_of_lists_gives_lists(execute, parts, values):
    @dsl.pipeline
    def pipeline(rows: List[List[int]] = [[1, 2], [], [3]]):  # noqa: B006  (KFP reads the default)
        with dsl.ParallelFor(rows) as row:
            parts.shown(values=row)

    assert values(execute(pipeline), "shown") == ["[1, 2]", "[]", "[3]"]


def test_a_list_handed_down_to_a_nested_pipeline(execute, parts, values):
    @dsl.pipeline
    def inner(items: List[str]):
        with dsl.ParallelFor(items) as item:
            parts.echo(text=item)

    @dsl.pipeline
    def pipeline():
        inner(items=["x", "y"])

    assert values(execute(pipeline), "echo") == ["x", "y"]


def test_what_is_no_list_fails_the_loop_and_names_it(execute, parts, edited):
    @dsl.pipeline
    def pipeline(items: List[int] = [1]):  # noqa: B006
        with dsl.ParallelFor(items) as item:
            parts.add(a=item, b=1)

    other_compiler = edited(pipeline, "parameterType: LIST", "parameterType: STRUCT")
    run = execute(other_compiler, {"items": {"a": 1}})
    assert (run.state, "for-loop-1: expected a list" in str(run.error)) == ("failed", True)
