"""Filters, dates and columns select the same rows whatever the source pushes down."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ingest.config import IngestConfig
from components.ingest.files import open_parquet, row_groups
from components.ingest.filters import Condition, conditions_of, expression_of, pushable
from components.ingest.source import Request
from components.shared.errors import InputError
from components.shared.schema import Schema

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "day": st.dates(date(2019, 12, 1), date(2021, 2, 1)).map(str),
    "price": st.floats(-6, 6).map(lambda value: round(value, 1)) | st.integers(-3, 3),
    "volume": st.integers(-4, 4) | st.floats(-4, 4).map(lambda value: round(value, 1)),
    "grade": st.sampled_from(["a", "b", "É", "z z", "'; --", "nothing"]),
    "open": st.booleans(),
}
PYTHON = {
    "==": lambda cell, value: cell == value,
    "!=": lambda cell, value: cell != value,
    "<": lambda cell, value: cell < value,
    "<=": lambda cell, value: cell <= value,
    ">": lambda cell, value: cell > value,
    ">=": lambda cell, value: cell >= value,
    "in": lambda cell, value: cell in value,
    "not_in": lambda cell, value: cell not in value,
}


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    column = draw(st.sampled_from(sorted(VALUES)))
    op = draw(st.sampled_from([*PYTHON, "is_null", "is_not_null"]))
    if op.startswith("is_"):
        return {"column": column, "op": op}
    value = VALUES[column]
    return {"column": column, "op": op, "value": draw(st.lists(value, min_size=1, max_size=4) if "in" in op else value)}


def passes(row: dict[str, Any], item: dict[str, Any]) -> bool:
    """The rule in plain Python: text dates compare as dates, a missing cell passes `is_null` only."""
    cell = row[item["column"]]
    if item["op"].startswith("is_"):
        return (cell is None) == (item["op"] == "is_null")
    return cell is not None and PYTHON[item["op"]](str(cell) if item["column"] == "day" else cell, item["value"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_filters=st.lists(filters(), max_size=3),
    start=st.none() | VALUES["day"],
    end=st.none() | VALUES["day"],
)
def test_every_source_keeps_the_rows_plain_python_keeps(
    sources: dict[str, Any],
    table: pa.Table,
    ingest: Any,
    given_filters: list[dict[str, Any]],
    start: str | None,
    end: str | None,
) -> None:
    if start is not None and end is not None and start > end:
        start, end = end, start
    expected = [
        row
        for row in table.to_pylist()
        if all(passes(row, item) for item in given_filters)
        and (start is None or str(row["day"]) >= start)
        and (end is None or str(row["day"]) <= end)
    ]
    for source in sources.values():
        section = {"filter": given_filters, "start": start, "end": end}
        if expected:
            assert ingest(source, **section).to_pylist() == expected
        else:
            with pytest.raises(InputError, match="the table has no rows after `filter`, `start` and `end`"):
                ingest(source, **section)


@pytest.mark.parametrize("kind", ["csv", "parquet", "duckdb"])
def test_a_selection_keeps_time_and_target(sources: dict[str, Any], table: pa.Table, ingest: Any, kind: str) -> None:
    filtered = {"column": "open", "op": "==", "value": True}
    found = ingest(sources[kind], columns=["grade"], filter=[filtered])
    assert found.column_names == ["day", "price", "grade"]
    assert found.num_rows == sum(1 for value in table["open"].to_pylist() if value)


def test_row_groups_are_skipped_by_their_statistics(sources: dict[str, Any]) -> None:
    """Four of five row groups lie before 2020-11-01; a condition on another column skips none."""
    path = sources["parquet"]["path"]
    with pq.ParquetFile(path) as parquet:
        late = Request(("day",), (Condition("day", ">=", (date(2020, 11, 1),)),))
        open_ = Request(("day",), (Condition("open", "==", (True,)),))
        assert row_groups(parquet, path, late) == [4]
        assert row_groups(parquet, path, open_) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arrow_type", "condition", "pushed"),
    [
        (pa.int64(), Condition("x", ">", (2,)), True),
        (pa.int64(), Condition("x", ">", (2.5,)), False),
        (pa.float64(), Condition("x", ">", (2,)), True),
        (pa.float32(), Condition("x", ">", (0.1,)), False),
        (pa.string(), Condition("x", ">", ("a",)), True),
        (pa.string(), Condition("x", ">", (date(2020, 1, 1),)), False),
        (pa.timestamp("ns", "UTC"), Condition("x", ">", (date(2020, 1, 1),)), True),
        (pa.binary(), Condition("x", "is_null"), False),
    ],
    ids=str,
)
def test_only_what_a_source_judges_alike_is_pushed_down(
    arrow_type: pa.DataType, condition: Condition, pushed: bool
) -> None:
    schema = pa.schema([("x", arrow_type)])
    found = pushable([condition], schema)
    assert bool(found) is pushed
    if pushed:
        empty = pa.table({"x": pa.array([], arrow_type)})
        assert empty.filter(expression_of(found, schema)).num_rows == 0


SCHEMA = Schema.model_validate(
    {
        "columns": [
            {"name": "at", "dtype": "timestamp", "role": "time"},
            {"name": "n", "dtype": "int64", "role": "target"},
            {"name": "day", "dtype": "date"},
        ]
    }
)


def config(**section: Any) -> IngestConfig:
    return IngestConfig.parse({"source": {"kind": "csv", "path": "x"}, "catalog": SCHEMA.model_dump(), **section})


def test_every_filter_that_does_not_fit_is_named() -> None:
    wrong = [
        {"column": "m", "op": "==", "value": 1},
        {"column": "n", "op": "==", "value": "one"},
        {"column": "n", "op": "==", "value": True},
        {"column": "n", "op": "<", "value": 10**30},
        {"column": "at", "op": "<", "value": "soon"},
        {"column": "day", "op": "<", "value": "2001-01-01T05:00"},
    ]
    with pytest.raises(InputError) as caught:
        conditions_of(config(filter=wrong), SCHEMA)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [f"ingest.filter.{i}" for i in range(6)]


def test_an_end_date_includes_its_whole_day() -> None:
    (condition,) = conditions_of(config(end="2001-01-31"), SCHEMA)
    assert (condition.op, str(condition.values[0])) == ("<", "2001-02-01 00:00:00")


@pytest.mark.parametrize(
    ("bound", "op", "expected"),
    [
        ({"start": "2001-01-03"}, ">=", "2001-01-03"),
        ({"start": "2001-01-03T12:00"}, ">=", "2001-01-04"),
        ({"end": "2001-01-03T12:00"}, "<=", "2001-01-03"),
    ],
    ids=["from a day on", "a row of a day is its midnight", "up to within a day"],
)
def test_bounds_of_a_column_of_dates_are_dates(bound: dict[str, str], op: str, expected: str) -> None:
    columns = [{"name": "day", "dtype": "date", "role": "time"}, {"name": "y", "dtype": "float64", "role": "target"}]
    dated = Schema.model_validate({"columns": columns})
    (condition,) = conditions_of(config(**bound), dated)
    assert (condition.op, str(condition.values[0])) == (op, expected)


def test_an_integer_filter_that_came_as_a_double_stays_exact() -> None:
    (condition,) = conditions_of(config(filter=[{"column": "n", "op": "==", "value": 3.0}]), SCHEMA)
    assert condition.values == (3,)
    assert isinstance(condition.values[0], int)


def test_nan_is_missing_for_filters_too(tmp_path: Any, ingest: Any) -> None:
    days = [date(2020, 1, day) for day in (1, 2, 3)]
    pq.write_table(pa.table({"d": days, "x": [1.0, float("nan"), 3.0]}), tmp_path / "t.parquet")
    source = {"kind": "parquet", "path": str(tmp_path / "t.parquet")}
    named = {"catalog": None, "time": "d", "target": "x"}
    for op, value, kept in (("is_null", None, [None]), ("!=", 1, [3.0]), ("not_in", [1], [3.0]), (">", 0, [1.0, 3.0])):
        found = ingest(source, **named, filter=[{"column": "x", "op": op, "value": value}])
        assert found["x"].to_pylist() == kept, op


def test_a_parquet_source_offers_its_columns(sources: dict[str, Any], table: pa.Table) -> None:
    section = config(source=sources["parquet"]).source
    with open_parquet(section) as source:
        assert source.schema.names == table.column_names
