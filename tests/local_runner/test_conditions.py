"""Trigger conditions: what they mean, and that an unreadable one is an error."""

from __future__ import annotations

import pytest

from local_runner.conditions import holds
from local_runner.errors import ConditionError

VALUES = {"n": 3, "x": 0.5, "text": "it's", "digits": "12", "flag": True, "empty": ""}


def reference(name: str) -> str:
    return f"inputs.parameter_values['{name}']"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{reference('n')} == 3", True),
        (f"{reference('n')} != 3", False),
        (f"{reference('n')} >= 3.0", True),
        (f"{reference('x')} < 1", True),
        (f"{reference('text')} == 'it's'", True),
        (f"{reference('text')} == 'its'", False),
        (f"{reference('empty')} == ''", True),
        (f"int({reference('digits')}) > 9", True),
        (f"{reference('digits')} > '9'", False),
        (f"{reference('flag')} == true", True),
        (f"!({reference('flag')} == true)", False),
        (f"!({reference('n')} == 1) && {reference('n')} == 3", True),
        (f"{reference('n')} == 1 || {reference('x')} == 0.5", True),
        (f"({reference('n')} == 1 || {reference('n')} == 3) && {reference('flag')} == true", True),
        (f"double({reference('digits')}) == 12", True),
        (f"string({reference('n')}) == '3'", True),
        ('inputs.parameter_values["n"] == 3', True),
        ("-1 < 0", True),
    ],
)
def test_holds(condition: str, expected: bool) -> None:
    assert holds(condition, VALUES) is expected


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_and_and_or(left: bool, right: bool) -> None:
    one, other = (f"{reference('n')} {'==' if side else '!='} 3" for side in (left, right))
    assert holds(f"{one} && {other}", VALUES) is (left and right)
    assert holds(f"{one} || {other}", VALUES) is (left or right)
    assert holds(f"true || {one} && {other}", VALUES) is True
    assert holds(f"{one} && {other} || {other}", VALUES) is right


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (f"{reference('text')} > 3", "cannot compare"),
        (f"{reference('n')} == 'three'", "cannot compare"),
        (f"{reference('flag')} < true", "cannot compare"),
        (f"{reference('absent')} == 1", "absent has no value"),
        (f"int({reference('text')}) == 1", "as int"),
        (f"{reference('n')}", "neither true nor false"),
        (f"{reference('n')} ==", "ends too early"),
        (f"({reference('n')} == 3", "expected '\\)'"),
        (f"{reference('n')} == 3 3", "unexpected 3"),
        ("__import__('os') == 1", "unexpected"),
        (f"{reference('n')} + 1 == 4", "unexpected"),
        ("'no end", "has no end"),
        (f"{reference('n')} && {reference('flag')}", "expected true or false"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(condition: str, reason: str) -> None:
    with pytest.raises(ConditionError, match=reason):
        holds(condition, VALUES)
