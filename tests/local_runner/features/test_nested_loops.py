"""A loop inside a loop: every combination once, with both items in reach."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from typing import List

import pytest
from kfp import dsl


def test_every_combination_once(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([1, 2]) as x, dsl.ParallelFor([10, 20]) as y:
            parts.add(a=x, b=y)

    assert values(execute(pipeline), "add") == [11, 21, 12, 22]


def test_the_outer_item_in_a_string_of_the_inner_loop(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(["a", "b"]) as x, dsl.ParallelFor(["c", "d"]) as y:
            parts.echo(text=f"{x}{y}")

    assert values(execute(pipeline), "echo") == ["ac", "ad", "bc", "bd"]


@pytest.mark.parametrize("rows", [[[1, 2], [3]], [[], [4]], []], ids=["uneven", "one-empty", "none"])
def test_the_inner_loop_goes_over_the_outer_item(execute, parts, values, rows):
    @dsl.pipeline
    def pipeline(rows: List[List[int]]):
        with dsl.ParallelFor(rows) as row, dsl.ParallelFor(row) as n:
            parts.add(a=n, b=0)

    run = execute(pipeline, {"rows": rows})
    assert (run.state, values(run, "add")) == ("succeeded", [n for row in rows for n in row])


def test_the_inner_loop_goes_over_what_a_task_of_the_outer_made(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([1, 2, 0]) as n, dsl.ParallelFor(parts.numbers(n=n).output) as item:
            parts.add(a=item, b=n)

    assert values(execute(pipeline), "add") == [1, 2, 3]


def test_three_deep(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([0, 1]) as x, dsl.ParallelFor([0, 2]) as y, dsl.ParallelFor([0, 4]) as z:
            parts.add(a=parts.add(a=x, b=y).output, b=z)

    assert sorted(values(execute(pipeline), "add-2")) == list(range(8))
