"""ParallelFor: static, parameter and artifact lists, sub-variables, nesting, limits."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from typing import Dict, List

import pytest
from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def show(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def double(n: int) -> int:
    return 2 * n


@dsl.component(base_image=IMAGE)
def table() -> List[Dict[str, int]]:
    return [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


@dsl.component(base_image=IMAGE)
def shape(values: list) -> str:
    return str(values)


@dsl.component(base_image=IMAGE)
def make(n: int, out: dsl.Output[dsl.Dataset]):
    with open(out.path, "w") as stream:  # noqa: PTH123
        stream.write(str(n))


@dsl.component(base_image=IMAGE)
def read(data: dsl.Input[dsl.Dataset]) -> str:
    with open(data.path) as stream:  # noqa: PTH123
        return stream.read()


def values(run, name: str) -> list:
    return [task.outputs["Output"] for task in run.tasks.values() if task.name == name]


@pytest.mark.parametrize("items", [[1, 2, 3], []], ids=["three", "none"])
def test_a_list_given_as_a_parameter(execute, items):
    @dsl.pipeline
    def pipeline(items: List[int]):
        with dsl.ParallelFor(items) as item:
            double(n=item)

    assert values(execute(pipeline, {"items": items}), "double") == [2 * n for n in items]


def test_fields_of_static_items(execute):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]) as item:
            show(value=f"{item.a}-{item.b}")

    assert values(execute(pipeline), "show") == ["x-y", "z-w"]


def test_fields_of_items_made_by_a_task(execute):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(table().output) as item:
            double(n=item.b)

    assert values(execute(pipeline), "double") == [4, 8]


def test_collected_of_nested_loops_is_a_list_of_lists(execute):
    @dsl.pipeline
    def pipeline() -> str:
        with dsl.ParallelFor([1, 2]), dsl.ParallelFor([10, 20]) as inner:
            each = double(n=inner)
        return shape(values=dsl.Collected(each.output)).output

    assert execute(pipeline).outputs == {"Output": "[[20, 40], [20, 40]]"}


def test_a_list_of_artifacts(execute):
    @dsl.pipeline
    def inner(data: dsl.Input[List[dsl.Dataset]]):
        with dsl.ParallelFor(data) as item:
            read(data=item)

    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([1, 2, 3]) as item:
            made = make(n=item)
        inner(data=dsl.Collected(made.outputs["out"]))

    assert values(execute(pipeline), "read") == ["1", "2", "3"]


def test_a_pipeline_may_return_what_a_loop_collected(execute):
    @dsl.pipeline
    def pipeline() -> List[int]:
        with dsl.ParallelFor([3, 4]) as item:
            each = double(n=item)
        return dsl.Collected(each.output)

    assert execute(pipeline).outputs == {"Output": [6, 8]}


def test_a_limit_on_parallel_iterations_is_kept(execute, tmp_path):
    @dsl.component(base_image=IMAGE)
    def alone(folder: str, n: int):
        import os
        import time

        os.mkdir(f"{folder}/lock")  # noqa: PTH102  (fails when another iteration is inside)
        time.sleep(0.1)
        os.rmdir(f"{folder}/lock")  # noqa: PTH106

    @dsl.pipeline
    def pipeline(folder: str):
        with dsl.ParallelFor([1, 2, 3, 4], parallelism=1) as item:
            alone(folder=folder, n=item)

    assert execute(pipeline, {"folder": str(tmp_path)}, parallel=2).state == "succeeded"
