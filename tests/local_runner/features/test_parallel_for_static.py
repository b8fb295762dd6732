"""dsl.ParallelFor over items written in the pipeline."""

# ruff: noqa: PTH102, PTH106  (components are plain on purpose)

import pytest
from kfp import dsl


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([1, 2, 3], ["<1>", "<2>", "<3>"]),
        (["a", "it's", ""], ["<a>", "<it's>", "<>"]),
        ([0.5, 2.5], ["<0.5>", "<2.5>"]),
        ([True, False], ["<true>", "<false>"]),
    ],
    ids=["ints", "strings", "doubles", "booleans"],
)
def test_items_keep_their_kind_inside_a_string(execute, parts, values, items, expected):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(items) as item:
            parts.echo(text=f"<{item}>")

    assert values(execute(pipeline), "echo") == expected


def test_each_iteration_has_its_own_path(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([5, 6]) as item:
            parts.add(a=parts.add(a=item, b=1).output, b=1)

    inside = [f"for-loop-2/{n}/{name}" for n in (0, 1) for name in ("add", "add-2")]
    assert states(execute(pipeline, cache=False)) == dict.fromkeys(["for-loop-2", *inside], "succeeded")


def test_a_limit_on_parallel_iterations_is_kept(execute, tmp_path):
    @dsl.component(base_image="python:3.11")
    def alone(folder: str, n: int):
        import os
        import time

        os.mkdir(f"{folder}/lock")  # fails when another iteration is inside
        time.sleep(0.1)
        os.rmdir(f"{folder}/lock")

    @dsl.pipeline
    def pipeline(folder: str):
        with dsl.ParallelFor([1, 2, 3], parallelism=1) as item:
            alone(folder=folder, n=item)

    assert execute(pipeline, {"folder": str(tmp_path)}, parallel=2).state == "succeeded"


def test_a_failed_iteration_fails_the_loop_and_the_others_run(execute):
    @dsl.component(base_image="python:3.11")
    def odd_fails(n: int):
        if n % 2:
            raise RuntimeError(str(n))

    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([0, 1, 2, 3]) as item:
            odd_fails(n=item)

    run = execute(pipeline)
    found = [task.state.value for task in run.tasks.values() if task.name == "odd-fails"]
    assert (found, str(run.error)) == (["succeeded", "failed", "succeeded", "failed"], "1")
