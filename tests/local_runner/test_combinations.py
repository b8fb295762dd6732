"""Control flow in combination: each shape inside each other shape, with outputs worked out by hand.

A body takes an int and gives an int. A shape wraps a body. Every ordered pair of shapes around every body is compiled
and run: 3 × 5 × 5 pipelines of conditions, OneOf, loops, Collected, nested and retried pipelines in each other, and
each shape in an exit handler.
"""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from collections.abc import Callable
from typing import Any, List

import pytest
from kfp import dsl

from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image=IMAGE)
def total(values: List[int]) -> int:
    return sum(values)


@dsl.component(base_image=IMAGE)
def write(n: int, out: dsl.Output[dsl.Artifact]):
    out.metadata["n"] = n
    with open(out.path, "w") as stream:  # noqa: PTH123  (components import nothing they can do without)
        stream.write(str(n))


@dsl.component(base_image=IMAGE)
def read(data: dsl.Input[dsl.Artifact]) -> int:
    with open(data.path) as stream:  # noqa: PTH123
        return int(stream.read())


@dsl.component(base_image=IMAGE)
def tidy():
    pass


Body = Callable[[Any], Any]


def plus_one(n: Any) -> Any:
    return add(a=n, b=1).output


def twice(n: Any) -> Any:
    return add(a=n, b=add(a=n, b=0).output).output


def through_artifact(n: Any) -> Any:
    return read(data=write(n=n).outputs["out"]).output


BODIES: dict[str, tuple[Body, Callable[[int], int]]] = {
    "plus_one": (plus_one, lambda n: n + 1),
    "twice": (twice, lambda n: 2 * n),
    "through_artifact": (through_artifact, lambda n: n),
}


def in_pipeline(body: Body) -> Body:
    @dsl.pipeline(name="inner")
    def inner(n: int) -> int:
        return body(n)

    return lambda n: inner(n=n).output


def in_branch(body: Body) -> Body:
    """The body where n < 1000, another addition where not."""

    def shape(n: Any) -> Any:
        with dsl.If(n < 1000):
            low = body(n)
        with dsl.Else():
            high = add(a=n, b=5000).output
        return dsl.OneOf(low, high)

    # A OneOf is passed on through a pipeline of its own: KFP lets it be used only where it was made.
    return in_pipeline(shape)


def in_three_branches(body: Body) -> Body:
    def shape(n: Any) -> Any:
        with dsl.If(n == -1):
            first = add(a=n, b=100).output
        with dsl.Elif(n < 1000):
            second = body(n)
        with dsl.Else():
            third = add(a=n, b=200).output
        return dsl.OneOf(first, second, third)

    return in_pipeline(shape)


def in_loop(body: Body) -> Body:
    """The sum of the body over the items 1, 2 and 3, plus n."""

    def shape(n: Any) -> Any:
        with dsl.ParallelFor([1, 2, 3]) as item:
            each = body(item)
        return add(a=total(values=dsl.Collected(each)).output, b=n).output

    return in_pipeline(shape)


def in_retried_pipeline(body: Body) -> Body:
    nested = in_pipeline(body)

    @dsl.pipeline(name="retried")
    def retried(n: int) -> int:
        return nested(n)

    return lambda n: retried(n=n).set_retry(num_retries=1, backoff_duration="0s").output


Wrap = Callable[[Callable[[int], int]], Callable[[int], int]]
SHAPES: dict[str, tuple[Callable[[Body], Body], Wrap]] = {
    "pipeline": (in_pipeline, lambda f: f),
    "branch": (in_branch, lambda f: lambda n: f(n) if n < 1000 else n + 5000),
    "three_branches": (in_three_branches, lambda f: lambda n: n + 100 if n == -1 else f(n) if n < 1000 else n + 200),
    "loop": (in_loop, lambda f: lambda n: sum(map(f, (1, 2, 3))) + n),
    "retried": (in_retried_pipeline, lambda f: f),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("inner", SHAPES)
@pytest.mark.parametrize("outer", SHAPES)
def test_shapes_in_each_other(execute, outer: str, inner: str, body: str) -> None:
    build, expected = BODIES[body]
    wrapped = SHAPES[outer][0](SHAPES[inner][0](build))
    wanted = SHAPES[outer][1](SHAPES[inner][1](expected))

    @dsl.pipeline(name="combined")
    def pipeline(n: int) -> int:
        return wrapped(n)

    for n in (7, 1000, -1):
        run = execute(pipeline, {"n": n})
        assert run.state == State.SUCCEEDED, run.error
        assert run.outputs == {"Output": wanted(n)}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_in_an_exit_handler(execute, shape: str) -> None:
    wrapped, wanted = SHAPES[shape][0](plus_one), SHAPES[shape][1](lambda n: n + 1)

    @dsl.pipeline(name="handled")
    def pipeline(n: int):
        with dsl.ExitHandler(tidy()):
            write(n=wrapped(n))

    run = execute(pipeline, {"n": 7})
    assert run.tasks["exit-handler-1/write"].artifacts["out"][0].metadata == {"n": wanted(7)}
    assert run.tasks["tidy"].state == State.SUCCEEDED
