"""dsl.ParallelFor over a list of artifacts."""

# ruff: noqa: UP006, UP035  (components are plain; KFP reads typing's names)

from typing import List

import pytest
from kfp import dsl


@pytest.mark.parametrize("count", [3, 1, 0], ids=["three", "one", "none"])
def test_artifacts_made_by_a_loop(execute, parts, values, count):
    @dsl.pipeline
    def inner(data: dsl.Input[List[dsl.Dataset]]):
        with dsl.ParallelFor(data) as item:
            parts.read(data=item)
            parts.metadata(data=item)

    @dsl.pipeline
    def pipeline(n: int):
        with dsl.ParallelFor(parts.numbers(n=n).output) as item:
            made = parts.write(text=f"item {item}")
        inner(data=dsl.Collected(made.outputs["out"]))

    run = execute(pipeline, {"n": count})
    assert run.state == "succeeded", run.error
    assert values(run, "read") == [f"item {n}" for n in range(count)]
    assert values(run, "metadata") == [{"length": 6}] * count


def test_artifacts_handed_to_the_pipeline(execute, parts, values, tmp_path):
    @dsl.pipeline
    def pipeline(data: dsl.Input[List[dsl.Dataset]]):
        with dsl.ParallelFor(data) as item:
            parts.read(data=item)

    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    run = execute(pipeline, {"data": [str(tmp_path / "a"), str(tmp_path / "b")]})
    assert values(run, "read") == ["a", "b"]
