from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from components.shared.errors import InputError

NAMED = {"catalog": None, "time": "ts", "target": "x"}


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "market.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE prices AS SELECT TIMESTAMP '2020-01-01' + INTERVAL (i) HOUR AS ts, CAST(i AS DOUBLE) AS x, "
            "CAST(i % 7 AS DECIMAL(9, 2)) AS cents, 'r' || (i % 2) AS region FROM range(100) t(i) ORDER BY random()"
        )
        connection.execute("CREATE TABLE zoned AS SELECT CAST(ts AS TIMESTAMPTZ) AS ts, x FROM prices")
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.prices AS SELECT * FROM prices LIMIT 10")
    return str(path)


def test_a_table_comes_in_the_order_of_time(database: str, ingest: Any) -> None:
    source = {"kind": "duckdb", "database": database, "table": "prices"}
    assert ingest(source, **NAMED)["x"].to_pylist() == [float(i) for i in range(100)]


def test_a_table_of_another_schema_is_found(database: str, ingest: Any) -> None:
    assert ingest({"kind": "duckdb", "database": database, "table": "raw.prices"}, **NAMED).num_rows == 10


def test_a_query_takes_named_parameters(database: str, ingest: Any) -> None:
    sql = "SELECT ts, x, cents FROM prices WHERE region = $region -- of one region;"
    source = {"kind": "duckdb", "database": database, "sql": sql, "parameters": {"region": "r1"}}
    found = ingest(source, **NAMED, filter=[{"column": "x", "op": "<", "value": 6}], end="2020-01-01T03:00")
    assert found["x"].to_pylist() == [1.0, 3.0]
    assert found["cents"].to_pylist() == [1.0, 3.0]


def test_times_with_a_zone_become_utc(database: str, ingest: Any) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        expected = connection.sql("SELECT count(*) FROM zoned WHERE ts >= '2020-01-03 00:00:00+00'").fetchall()
    found = ingest({"kind": "duckdb", "database": database, "table": "zoned"}, **NAMED, start="2020-01-03")
    assert [(found.num_rows,)] == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"table": "price"}, "has no table 'price'; it has prices"),
        ({"table": 'prices"; DROP TABLE prices; --'}, "has no table"),
        ({"sql": "SELECT ts, y FROM prices"}, 'column "y" not found'),
        ({"sql": "SELECT ts, x FROM prices WHERE x > $low"}, "low"),
        ({"sql": "SELECT ts, x FROM prices) AS q; CREATE TABLE z AS (SELECT 1"}, "source.sql is not valid SQL"),
        ({"sql": "SELECT ts, x FROM prices; SELECT 2"}, "expected one SELECT, got 2 statements"),
        ({"sql": "-- nothing"}, "expected one SELECT, got 0 statements"),
        ({"sql": "DELETE FROM prices"}, "expected one SELECT, got DELETE"),
        (
            {"sql": "SELECT TIMESTAMP '2020-01-01' AS ts, * FROM read_text('/etc/hosts')"},
            "may read nothing but its own",
        ),
        ({"sql": "SELECT TIMESTAMP '2020-01-01' AS ts, * FROM read_csv('/etc/hosts')"}, "may read nothing but its own"),
        ({"table": "prices", "database": "nowhere.duckdb"}, "no such file or folder"),
    ],
    ids=[
        "unknown table",
        "injection",
        "unknown column",
        "no parameter",
        "broken out",
        "two",
        "none",
        "no SELECT",
        "text file",
        "CSV file",
        "no file",
    ],
)
def test_what_cannot_be_read_is_an_input_error(
    database: str, ingest: Any, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ingest({"kind": "duckdb", "database": database, **source}, **NAMED)


def test_text_that_closes_the_bracket_of_its_query_writes_no_file(database: str, tmp_path: Path, ingest: Any) -> None:
    written = tmp_path / "written.csv"
    sql = f"SELECT * FROM prices) AS a; COPY (SELECT 42 AS x) TO '{written}'; SELECT * FROM (SELECT * FROM prices"
    with pytest.raises(InputError, match=r"source\.sql is not valid SQL"):
        ingest({"kind": "duckdb", "database": database, "sql": sql}, **NAMED)
    assert not written.exists()


def test_what_does_not_fit_into_memory_is_still_sorted_on_disk(tmp_path: Path, ingest: Any) -> None:
    path, rows = str(tmp_path / "long.duckdb"), 400_000
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE TABLE long AS SELECT TIMESTAMP '2020-01-01' + INTERVAL (i * 7919 % 400009) SECOND AS ts, "
            f"i::DOUBLE AS x, md5(i::VARCHAR) AS text FROM range({rows}) t(i)"
        )
    source = {"kind": "duckdb", "database": path, "sql": "SELECT ts, x, x + 1 AS y FROM long", "memory_mib": 32}
    assert ingest(source, **NAMED).num_rows == rows


def test_a_file_of_something_else_is_refused(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "x.duckdb").write_text("not a database")
    with pytest.raises(
        InputError, match=r"x\.duckdb is not a DuckDB database; for another kind of file set source\.kind"
    ):
        ingest({"kind": "duckdb", "database": str(tmp_path / "x.duckdb"), "table": "t"}, **NAMED)


def test_the_memory_limit_names_the_setting_that_raises_it(tmp_path: Path, ingest: Any) -> None:
    path = str(tmp_path / "wide.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE TABLE wide AS SELECT DATE '1900-01-01' + (i * 7919 % 99991)::INTEGER AS ts, "
            "i::DOUBLE AS x, repeat(md5(i::VARCHAR), 20) AS text FROM range(99991) t(i)"
        )
    source = {"kind": "duckdb", "database": path, "table": "wide", "memory_mib": 4}
    with pytest.raises(InputError, match=r"DuckDB needs more than 4 MiB; raise source\.memory_mib"):
        ingest(source, catalog=None, time="ts", target="x")
