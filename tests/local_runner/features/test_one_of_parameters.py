"""dsl.OneOf of parameters: the value of whichever branch ran."""

import pytest
from kfp import dsl

BRANCHES = pytest.mark.parametrize(("n", "expected"), [(9, 109), (3, 23), (1, 2)], ids=["if", "elif", "else"])


def choose(parts, n):
    """Three branches, each of which adds another number."""
    with dsl.If(n > 5):
        first = parts.add(a=n, b=100)
    with dsl.Elif(n == 3):
        second = parts.add(a=n, b=20)
    with dsl.Else():
        third = parts.add(a=n, b=1)
    return dsl.OneOf(first.output, second.output, third.output)


@BRANCHES
def test_a_pipeline_returns_the_branch_that_ran(execute, parts, n, expected):
    @dsl.pipeline
    def pipeline(n: int) -> int:
        return choose(parts, n)

    assert execute(pipeline, {"n": n}).outputs == {"Output": expected}


@BRANCHES
def test_a_task_takes_the_branch_that_ran(execute, parts, n, expected):
    @dsl.pipeline
    def pipeline(n: int) -> int:
        return parts.add(a=choose(parts, n), b=1000).output

    assert execute(pipeline, {"n": n}).outputs == {"Output": 1000 + expected}


@pytest.mark.parametrize(("n", "expected"), [(1, "none"), (7, "some"), (70, "many")])
def test_a_one_of_of_a_one_of(execute, parts, n, expected):
    @dsl.pipeline
    def inner(n: int) -> str:
        with dsl.If(n > 50):
            many = parts.echo(text="many")
        with dsl.Else():
            some = parts.echo(text="some")
        return dsl.OneOf(many.output, some.output)

    @dsl.pipeline
    def pipeline(n: int) -> str:
        with dsl.If(n > 5):
            positive = inner(n=n)
        with dsl.Else():
            none = parts.echo(text="none")
        return dsl.OneOf(positive.output, none.output)

    assert execute(pipeline, {"n": n}).outputs == {"Output": expected}
