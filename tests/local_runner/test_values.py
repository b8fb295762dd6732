"""Parameter values in their declared types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_runner.values import plain, typed


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        (3.0, "NUMBER_INTEGER", 3),
        ("3", "NUMBER_INTEGER", 3),
        (3, "NUMBER_DOUBLE", 3.0),
        ("2.5", "NUMBER_DOUBLE", 2.5),
        (3.0, "STRING", "3"),
        (True, "STRING", "true"),
        ({"a": 1.0}, "STRING", '{"a": 1}'),
        ("True", "BOOLEAN", True),
        ("[1, 2.0]", "LIST", [1, 2]),
        ({"a": [1.0, 0.5, {"b": 2.0}]}, "STRUCT", {"a": [1, 0.5, {"b": 2}]}),
        (None, "NUMBER_INTEGER", None),
    ],
)
def test_typed(value: Any, declared: str, expected: Any) -> None:
    result = typed(value, declared)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ("three", "NUMBER_INTEGER"),
        (2.5, "NUMBER_INTEGER"),
        (True, "NUMBER_INTEGER"),
        ("yes", "BOOLEAN"),
        ("{}", "LIST"),
        ([1], "STRUCT"),
        ("much", "NUMBER_DOUBLE"),
        (True, "NUMBER_DOUBLE"),
    ],
)
def test_a_value_of_another_type_is_refused(value: Any, declared: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        typed(value, declared)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_plain_changes_no_number(value: Any) -> None:
    assert plain(value) == value
