from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.ingest.casting import SEARCH_LIMIT, Caster
from components.shared.schema import Column, Schema


def cast(values: Any, dtype: str, arrow_type: pa.DataType | None = None) -> tuple[list[Any], list[bool]]:
    """Values and which of them were unreadable."""
    schema = Schema(columns=(Column(name="x", dtype=dtype),))  # type: ignore[arg-type]
    batch = pa.record_batch({"x": pa.array(values, arrow_type)})
    typed, unreadable = Caster(schema).cast(batch)
    assert typed.schema == schema.arrow()
    bad = unreadable["x"].mask.to_pylist() if unreadable else [False] * len(values)
    return typed["x"].to_pylist(), bad


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, None, 3], "float64", [1.0, None, 3.0]),
        ([1.0, float("nan")], "float64", [1.0, None]),
        (["1e3", " -2.5 ", None], "float64", [1000.0, -2.5, None]),
        (["7", "8"], "int64", [7, 8]),
        ([7.0, None], "int64", [7, None]),
        ([Decimal("1.50")], "float64", [1.5]),
        (["2001-02-03", "2001-02-04 00:00:00"], "date", [date(2001, 2, 3), date(2001, 2, 4)]),
        (["2001-02-03", "2001-02-04"], "date", [date(2001, 2, 3), date(2001, 2, 4)]),
        (["2001-02-03 00:00:00"], "date", [date(2001, 2, 3)]),
        ([datetime(2001, 2, 3)], "date", [date(2001, 2, 3)]),
        (["2001-02-03", "2001-02-03T04:05:06"], "timestamp", [datetime(2001, 2, 3), datetime(2001, 2, 3, 4, 5, 6)]),
        (["2001-02-03T04:00:00Z"], "timestamp", [datetime(2001, 2, 3, 4)]),
        (["2001-02-03 04:00", "2001-02-03T06:00+02:00"], "timestamp", [datetime(2001, 2, 3, 4)] * 2),
        (["true", "0"], "bool", [True, False]),
        ([5], "string", ["5"]),
    ],
)
def test_what_can_be_read_is_converted(values: list[Any], dtype: str, expected: list[Any]) -> None:
    assert cast(values, dtype) == (expected, [False] * len(values))


@pytest.mark.parametrize(
    ("values", "dtype", "bad"),
    [
        (["1", "one", "", "2,5", None], "float64", [False, True, True, True, False]),
        ([1.5, 2.0], "int64", [True, False]),
        ([3_000_000_000, 1], "int32", [True, False]),
        (["2001-13-01", "2001-12-01", "1/2/2001"], "date", [True, False, True]),
        ([datetime(2001, 2, 3, 4), datetime(2001, 2, 3)], "date", [True, False]),
        ([True, None], "date", [True, False]),
        ([b"\xff"], "float64", [True]),
    ],
)
def test_what_cannot_be_read_is_listed_and_null(values: list[Any], dtype: str, bad: list[bool]) -> None:
    typed, found = cast(values, dtype)
    assert found == bad
    assert all(value is None for value, unreadable in zip(typed, bad, strict=True) if unreadable)


def test_dictionary_columns_are_read_by_their_values() -> None:
    values = pa.array(["1", "2", "1"]).dictionary_encode()
    assert cast(values, "float64") == ([1.0, 2.0, 1.0], [False] * 3)


def test_the_search_stops_in_a_column_that_is_all_wrong() -> None:
    schema = Schema(columns=(Column(name="x", dtype="float64"),))
    caster = Caster(schema)
    batch = pa.record_batch({"x": pa.array(["no"] * (SEARCH_LIMIT + 50))})
    for _ in range(2):
        typed, unreadable = caster.cast(batch)
        assert typed["x"].null_count == len(batch)
        assert np.asarray(unreadable["x"].mask).all()
