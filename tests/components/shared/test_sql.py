"""Names are quoted or refused, and no text ends the literal it is written in."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.shared.errors import InputError
from components.shared.sql import BIGQUERY, DUCKDB, literal

EAST = timezone(timedelta(hours=5, minutes=30))


@settings(deadline=None)
@given(text=st.text())
def test_a_text_is_letters_digits_and_code_points(text: str) -> None:
    from cloud.bigquery.dialect import duckdb_of

    written = literal(text)
    assert re.fullmatch(r"'(?:[A-Za-z0-9]|\\U[0-9A-F]{8})*'", written)
    if "\0" not in text:
        assert duckdb.sql(f"SELECT {duckdb_of(written)}").fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "TRUE"),
        (-3, "-3"),
        (2.5, "2.5"),
        (1e-7, "1e-07"),
        (date(2020, 1, 31), "DATE '2020-01-31'"),
        (datetime(2020, 1, 31, 12, 0, 0, 5), "DATETIME '2020-01-31 12:00:00.000005'"),
        (datetime(2020, 1, 31, tzinfo=UTC), "TIMESTAMP '2020-01-31 00:00:00.000000+00:00'"),
        (datetime(2020, 1, 31, tzinfo=EAST), "TIMESTAMP '2020-01-30 18:30:00.000000+00:00'"),
        ("x' OR TRUE --", "'x\\U00000027\\U00000020OR\\U00000020TRUE\\U00000020\\U0000002D\\U0000002D'"),
    ],
    ids=str,
)
def test_a_value_is_a_literal_of_its_type(value: Any, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize("value", [math.nan, math.inf, None, b"x", [1]], ids=repr)
def test_what_has_no_literal_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be written as a value"):
        literal(value)


@pytest.mark.parametrize("dialect", [BIGQUERY, DUCKDB], ids=["bigquery", "duckdb"])
@pytest.mark.parametrize("name", ["", "a`b", 'a"b', "a\\b", "a\nb", "x" * 301])
def test_a_name_that_no_quotes_hold_is_refused(dialect: Any, name: str) -> None:
    with pytest.raises(InputError, match="cannot be used as a column or table name"):
        dialect.identifier(name)
