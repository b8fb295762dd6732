from __future__ import annotations

import pytest

from components.preprocess.columns import Columns, choose
from components.shared.schema import Column, Role, Schema

DAY = Column(name="day", dtype="date", role=Role.TIME)
PRICE = Column(name="price", dtype="float64", role=Role.TARGET)
RAIN = Column(name="rain", dtype="float32")
CROP = Column(name="crop", dtype="string")
SEASON = Column(name="season", dtype="bool", role=Role.KNOWN_AHEAD)


def schema(*columns: Column) -> Schema:
    return Schema(columns=columns)


@pytest.mark.parametrize(("history", "features"), [(True, ("price", "rain", "season")), (False, ("rain", "season"))])
def test_the_target_comes_first_if_its_history_is_a_feature(history: bool, features: tuple[str, ...]) -> None:
    columns = choose(schema(RAIN, SEASON, DAY, CROP, PRICE), target_history=history)
    assert isinstance(columns, Columns)
    assert columns.features == features
    assert columns.dropped == {"crop": "not numeric (string)"}
    assert sorted(columns.to_read) == ["day", "price", "rain", "season"]


def test_a_target_alone_is_forecast_from_its_own_past() -> None:
    columns = choose(schema(DAY, PRICE), target_history=True)
    assert isinstance(columns, Columns)
    assert columns.features == ("price",)


def test_without_history_a_numeric_feature_is_needed() -> None:
    problems = choose(schema(DAY, PRICE, CROP), target_history=False)
    assert isinstance(problems, list)
    assert problems[0].startswith("the table has no numeric feature: found crop (string).")
    assert "set preprocess.target_history: true" in problems[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((PRICE, RAIN), "no time column: mark one `role: time`"),
        ((DAY, RAIN), "no target column: mark one `role: target`"),
        ((Column(name="day", dtype="string", role=Role.TIME), PRICE), "day must be a date or a timestamp, got string"),
        ((DAY, Column(name="price", dtype="string", role=Role.TARGET)), "price must be a number, got string"),
        ((DAY, PRICE, Column(name="mill", dtype="float64", role=Role.ENTITY)), "mill must be text or a whole number"),
    ],
    ids=["no-time", "no-target", "time-type", "target-type", "entity"],
)
def test_roles_that_cannot_be_used_are_named(columns: tuple[Column, ...], expected: str) -> None:
    problems = choose(schema(*columns), target_history=True)
    assert isinstance(problems, list)
    assert expected in "\n".join(problems)


def test_all_schema_problems_come_at_once() -> None:
    problems = choose(schema(CROP, Column(name="mill", dtype="date", role=Role.ENTITY)), target_history=True)
    assert isinstance(problems, list)
    assert len(problems) == 4


def test_known_features_come_last_and_the_calendar_after_them() -> None:
    columns = choose(schema(SEASON, RAIN, DAY, PRICE), target_history=True, calendar=("calendar_month",))
    assert isinstance(columns, Columns)
    assert columns.features == ("price", "rain", "season", "calendar_month")
    assert columns.known == ("season", "calendar_month")
    assert sorted(columns.to_read) == ["day", "price", "rain", "season"]


def test_a_column_named_like_a_feature_of_the_calendar_is_refused() -> None:
    taken = Column(name="calendar_month", dtype="float64")
    problems = choose(schema(DAY, PRICE, taken), target_history=True, calendar=("calendar_month", "calendar_hour"))
    assert isinstance(problems, list)
    assert "named as features of preprocess.calendar: calendar_month." in problems[0]


def test_the_entity_is_read_and_is_no_feature() -> None:
    columns = choose(schema(Column(name="mill", dtype="int64", role=Role.ENTITY), DAY, PRICE), target_history=True)
    assert isinstance(columns, Columns)
    assert (columns.entity, columns.features) == ("mill", ("price",))
    assert "mill" in columns.to_read
