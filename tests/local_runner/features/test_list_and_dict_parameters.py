"""Lists and mappings as parameters: whole numbers stay whole at any depth."""

# ruff: noqa: B006, UP006, UP035  (KFP reads typing's names and the defaults)

from typing import Dict, List

import pytest
from kfp import dsl

from local_runner.errors import UsageError

IMAGE = "python:3.11"
VALUES = [
    [1, 2.5, -3],
    [[1], [2, [3]]],
    {"a": 1, "b": {"c": 2.0, "d": [4]}},
    {"empty": [], "text": "it's"},
    [True, False],
    [2**53],
]
IDS = ["numbers", "nested", "mapping", "mixed", "booleans", "large"]
EXPECTED = [
    "[1, 2.5, -3]",
    "[[1], [2, [3]]]",
    "{'a': 1, 'b': {'c': 2, 'd': [4]}}",
    "{'empty': [], 'text': \"it's\"}",
    "[True, False]",
    "[9007199254740992]",
]


@dsl.component(base_image=IMAGE)
def of_list(value: list) -> str:
    return repr(value)


@dsl.component(base_image=IMAGE)
def of_dict(value: dict) -> str:
    return repr(dict(sorted(value.items())))


@dsl.component(base_image=IMAGE)
def kinds(whole: int, part: float, flag: bool, items: list, table: dict, text: str) -> str:
    return " ".join(type(v).__name__ for v in (whole, part, flag, items, table, text))


@dsl.component(base_image=IMAGE)
def make() -> Dict[str, List[int]]:
    return {"a": [1, 2]}


@pytest.mark.parametrize(("value", "expected"), list(zip(VALUES, EXPECTED, strict=True)), ids=IDS)
@pytest.mark.parametrize("how", ["argument", "constant", "default"])
def test_a_value_arrives_as_it_was_written(execute, value, expected, how):
    show = of_list if isinstance(value, list) else of_dict

    def given(value) -> str:
        return show(value=value).output

    def written() -> str:
        return show(value=value).output

    given.__annotations__["value"] = type(value)
    if how == "default":
        given.__defaults__ = (value,)
    pipeline = dsl.pipeline(written if how == "constant" else given)
    assert execute(pipeline, {"value": value} if how == "argument" else {}).outputs == {"Output": expected}


def test_declared_types_arrive(execute):
    @dsl.pipeline
    def pipeline(
        whole: int = 3, part: float = 2, flag: bool = True, items: list = [1], table: dict = {"a": 1}, text: str = "t"
    ) -> str:  # fmt: skip
        return kinds(whole=whole, part=part, flag=flag, items=items, table=table, text=text).output

    assert execute(pipeline).outputs == {"Output": "int float bool list dict str"}


def test_a_mapping_made_by_a_task(execute):
    @dsl.pipeline
    def pipeline() -> str:
        return of_dict(value=make().output).output

    assert execute(pipeline).outputs == {"Output": "{'a': [1, 2]}"}


@pytest.mark.parametrize(
    ("given", "told"), [("3", "3"), ("x", "'x'"), ({"a": 1}, "{'a': 1}")], ids=["json", "text", "mapping"]
)
def test_a_value_of_another_type_is_refused(execute, given, told):
    with pytest.raises(UsageError, match=f"parameter 'value': expected a list, got {told}"):
        execute(of_list, {"value": given})
