"""Fields of a loop's items: ``item.field``, of items written down, given, made by a task, or nested."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names and the default)

from typing import Dict, List

import pytest
from kfp import dsl

ITEMS = [{"word": "x", "n": 1}, {"word": "y", "n": 2}]


def test_items_written_down(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(ITEMS) as item:
            parts.echo(text=item.word)

    assert values(execute(pipeline), "echo") == ["x", "y"]


def test_two_fields_in_one_string(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(ITEMS) as item:
            parts.echo(text=f"{item.word}={item.n}")

    assert values(execute(pipeline), "echo") == ["x=1", "y=2"]


def test_items_given_as_a_parameter(execute, parts, values):
    @dsl.pipeline
    def pipeline(items: List[dict] = ITEMS):
        with dsl.ParallelFor(items) as item:
            parts.add(a=item.n, b=0)

    assert values(execute(pipeline), "add") == [1, 2]
    assert values(execute(pipeline, {"items": [{"n": 7}]}), "add") == [7]


def test_items_made_by_a_task(execute, parts, values):
    @dsl.component(base_image="python:3.11")
    def table() -> List[Dict[str, int]]:
        return [{"a": 1, "b": 2}, {"a": 3, "b": 4}]

    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor(table().output) as item:
            parts.add(a=item.a, b=item.b)

    assert values(execute(pipeline), "add") == [3, 7]


def test_a_field_in_a_condition(execute, parts, values):
    @dsl.pipeline
    def pipeline(items: List[dict] = ITEMS):
        with dsl.ParallelFor(items) as item:
            parts.add(a=item.n, b=0)
            with dsl.If(item.n == 2):
                parts.echo(text=item.word)

    assert values(execute(pipeline), "echo") == ["y"]


@pytest.mark.parametrize("text", [lambda item: item.word, lambda item: f"<{item.word}>"], ids=["alone", "in-a-string"])
def test_a_field_that_an_item_lacks_fails_that_iteration_alone(execute, parts, text):
    @dsl.pipeline
    def pipeline(items: List[dict]):
        with dsl.ParallelFor(items) as item:
            parts.echo(text=text(item))

    run = execute(pipeline, {"items": [{"other": 1}, {"word": "x"}]})
    assert (run.state, run.tasks["for-loop-1/1/echo"].state) == ("failed", "succeeded")
    assert "'word'" in str(run.error)
    assert "{'other': 1}" in str(run.error)
