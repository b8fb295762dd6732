"""Inputs that need not be given: parameters and artifacts, defaults and None."""

# ruff: noqa: UP006, UP035, UP045  (KFP reads typing's names)

from typing import Dict, List, Optional

import pytest
from kfp import dsl

from local_runner.errors import UsageError

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def describe(
    name: Optional[str] = None, size: Optional[int] = None, items: Optional[List[int]] = None,
    table: Optional[Dict[str, int]] = None, part: float = 0.5, flag: bool = False,
) -> str:  # fmt: skip
    return f"{name} {size} {items} {table} {part} {flag}"


@dsl.component(base_image=IMAGE)
def maybe(data: dsl.Input[dsl.Dataset] = None) -> str:
    return "nothing" if data is None else "something"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "None None None None 0.5 False"),
        ({"name": "a", "size": 0}, "a 0 None None 0.5 False"),
        ({"items": [], "table": {}}, "None None [] {} 0.5 False"),
        ({"part": 2, "flag": True}, "None None None None 2.0 True"),
    ],
    ids=["none-given", "falsy-int", "empty", "over-a-default"],
)
def test_parameters(execute, arguments, expected):
    assert execute(describe, arguments).tasks["describe"].outputs == {"Output": expected}


def test_none_goes_through_nested_pipelines(execute):
    @dsl.pipeline
    def inner(name: Optional[str] = None, size: Optional[int] = 7) -> str:
        return describe(name=name, size=size).output

    @dsl.pipeline
    def pipeline(name: Optional[str] = None, size: Optional[int] = None) -> str:
        return inner(name=name, size=size).output

    # An outer None is "not given", so the inner default holds.
    assert execute(pipeline).outputs == {"Output": "None 7 None None 0.5 False"}
    assert execute(pipeline, {"name": "x", "size": 1}).outputs == {"Output": "x 1 None None 0.5 False"}


@pytest.mark.parametrize(("given", "expected"), [(False, "nothing"), (True, "something")])
def test_an_artifact(execute, tmp_path, given, expected):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset] = None) -> str:
        return maybe(data=data).output

    (tmp_path / "data").write_text("x")
    assert execute(pipeline, {"data": tmp_path / "data"} if given else {}).outputs == {"Output": expected}


def test_a_required_one_without_a_value_is_said_before_anything_starts(execute, tmp_path):
    @dsl.pipeline
    def pipeline(name: str, size: int):
        describe(name=name, size=size)

    with pytest.raises(UsageError) as caught:
        execute(pipeline)
    assert caught.value.problems == [
        "parameter 'name' (STRING) has no value; give one with --param name=VALUE",
        "parameter 'size' (NUMBER_INTEGER) has no value; give one with --param size=VALUE",
    ]
    assert not (tmp_path / "runs").exists()
