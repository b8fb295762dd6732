"""Statement, schema and names; and the real client against a server on this machine that runs them on DuckDB."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pyarrow as pa
import pytest
from google.auth.credentials import AnonymousCredentials

from components.forecast import bigquery_sink
from components.forecast.config import BigQueryDestination
from components.shared.artifacts import Table, write_table
from components.shared.errors import InputError, TandemError
from components.shared.schema import Column, Role, Schema

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery
    from cloud.server import Answer, Request

TABLE = "my-project.market.oil"
COLUMNS = ["model", "origin", "time", "forecast", "lower_80"]


def test_the_merge_updates_equal_keys_and_inserts_others() -> None:
    statement = bigquery_sink.merge_statement("my-project.market.oil", "my-project.market.oil_staging_1", COLUMNS)
    assert statement.splitlines() == [
        "MERGE INTO `my-project.market.oil` AS kept",
        "USING `my-project.market.oil_staging_1` AS fresh",
        "ON kept.`model` = fresh.`model` AND kept.`origin` = fresh.`origin` AND kept.`time` = fresh.`time`",
        "WHEN MATCHED THEN UPDATE SET `forecast` = fresh.`forecast`, `lower_80` = fresh.`lower_80`",
        "WHEN NOT MATCHED THEN INSERT (`model`, `origin`, `time`, `forecast`, `lower_80`)",
        "VALUES (fresh.`model`, fresh.`origin`, fresh.`time`, fresh.`forecast`, fresh.`lower_80`)",
    ]


def test_merging_twice_repeats_no_forecast() -> None:
    """DuckDB has the same MERGE; only its quotes differ."""
    statement = bigquery_sink.merge_statement("kept_table", "fresh_table", COLUMNS).replace("`", '"')
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE kept_table (model TEXT, origin DATE, time DATE, forecast DOUBLE, lower_80 DOUBLE)"
        )
        database.execute("CREATE TABLE fresh_table AS FROM kept_table")
        rows = [("oil/1", "2020-01-01", "2020-02-01", 1.0, 0.5), ("oil/1", "2020-01-02", "2020-02-02", 2.0, 1.5)]
        database.executemany("INSERT INTO fresh_table VALUES (?, ?, ?, ?, ?)", rows)
        database.execute(statement)
        database.execute("UPDATE fresh_table SET forecast = forecast + 10")
        database.execute(statement)
        database.execute("UPDATE fresh_table SET model = 'oil/2'")
        database.execute(statement)
        found = database.sql("SELECT model, forecast FROM kept_table ORDER BY model, origin").fetchall()
    assert found == [("oil/1", 11.0), ("oil/1", 12.0), ("oil/2", 11.0), ("oil/2", 12.0)]


@pytest.mark.parametrize("name", ["a`; DROP TABLE x; --", 'a"b', "a\\b", ""])
def test_a_name_that_cannot_be_quoted_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be used as a column or table name"):
        bigquery_sink.merge_statement("p.d.t", "p.d.s", [*COLUMNS, name])


@pytest.mark.parametrize("table", ["oil", "market.oil", "my-project.market.oil`x", "My-Project.market.oil", ""])
def test_a_destination_that_is_no_table_is_refused(table: str) -> None:
    with pytest.raises(InputError, match=r"expected project\.dataset\.table"):
        BigQueryDestination.parse({"table": table})


def test_staging_lies_beside_the_destination_and_is_one_attempts_own() -> None:
    one, other = (bigquery_sink.staging_name("my-project.market.oil", "a") for _ in range(2))
    assert one != other
    assert one[:-8] == other[:-8]
    assert one.startswith("my-project.market.oil_staging_")
    BigQueryDestination(table=one)


def test_columns_have_bigquerys_types() -> None:
    columns = (
        Column(name="model", dtype="string"),
        Column(name="origin", dtype="timestamp"),
        Column(name="horizon", dtype="int64"),
        Column(name="forecast", dtype="float64"),
    )
    fields = bigquery_sink.bigquery_schema(Schema(columns=columns))
    assert [(f.name, f.field_type) for f in fields] == [
        ("model", "STRING"), ("origin", "DATETIME"), ("horizon", "INT64"), ("forecast", "FLOAT64"),
    ]  # fmt: skip


def test_no_credentials_travel_to_a_plain_http_server() -> None:
    destination = BigQueryDestination(table="my-project.market.oil", api_endpoint="http://127.0.0.1:9")
    client = bigquery_sink._client(destination)
    assert client.project == "my-project"
    assert isinstance(client._credentials, AnonymousCredentials)


def forecasts(folder: Path, values: list[float], *, share: int = 80) -> Table:
    """A table artifact of forecasts, one a day."""
    names = ["forecast", f"lower_{share}"]
    days = [datetime(2020, 1, day + 1) for day in range(len(values))]
    columns = [Column(name="model", dtype="string"), Column(name="origin", dtype="timestamp", role=Role.TIME)]
    columns += [Column(name="time", dtype="timestamp"), *(Column(name=name, dtype="float64") for name in names)]
    schema = Schema(columns=tuple(columns))
    content = {"model": ["oil/1"] * len(values), "origin": days, "time": days, names[0]: values, names[1]: values}
    return write_table(folder, schema, [pa.RecordBatch.from_pydict(content, schema=schema.arrow())], rows_per_shard=1)


def destination(bigquery: BigQuery) -> BigQueryDestination:
    return BigQueryDestination(table=TABLE, api_endpoint=bigquery.http.url)


def kept(bigquery: BigQuery) -> list[float]:
    """Forecasts in the destination, by origin."""
    return [value for (value,) in bigquery.rows(f'SELECT forecast FROM "{TABLE}" ORDER BY origin')]


def test_the_real_client_merges_into_a_table_and_leaves_nothing_beside_it(bigquery: BigQuery, tmp_path: Path) -> None:
    for number, values in enumerate(([1.0, 2.0], [3.0, 2.5, 7.0])):
        bigquery_sink.merge(forecasts(tmp_path / str(number), values), destination(bigquery))
    found = bigquery.rows(f'SELECT origin, forecast, lower_80 FROM "{TABLE}" ORDER BY origin')
    days = [datetime(2020, 1, day) for day in (1, 2, 3)]
    assert found == [(days[0], 3.0, 3.0), (days[1], 2.5, 2.5), (days[2], 7.0, 7.0)]
    assert list(bigquery.warehouse.tables) == [TABLE]


def test_both_tables_are_encrypted_with_the_key(bigquery: BigQuery, tmp_path: Path) -> None:
    key = "projects/my-project/locations/us/keyRings/ring/cryptoKeys/key"
    bigquery_sink.merge(forecasts(tmp_path, [1.0]), destination(bigquery).model_copy(update={"encryption_key": key}))
    made = [request.json() for request in bigquery.http.seen if request.path.endswith("/tables")]
    assert [table["encryptionConfiguration"] for table in made] == [{"kmsKeyName": key}] * 2


def test_a_table_without_the_columns_is_refused_and_left_as_it_is(bigquery: BigQuery, tmp_path: Path) -> None:
    bigquery_sink.merge(forecasts(tmp_path / "a", [1.0]), destination(bigquery))
    with pytest.raises(InputError, match="lacks the columns lower_95"):
        bigquery_sink.merge(forecasts(tmp_path / "b", [9.0], share=95), destination(bigquery))
    assert kept(bigquery) == [1.0]
    assert list(bigquery.warehouse.tables) == [TABLE]


@pytest.mark.parametrize("step", ["load", "query"])
def test_a_refusal_is_told_and_the_staging_table_removed(step: str, bigquery: BigQuery, tmp_path: Path) -> None:
    bigquery.rest.refusals[step] = ("invalid", "refused by the test")
    with pytest.raises(TandemError, match=r"cannot write my-project\.market\.oil: .*refused by the test") as caught:
        bigquery_sink.merge(forecasts(tmp_path / "a", [1.0]), destination(bigquery))
    assert caught.value.exit_code == 1
    assert list(bigquery.warehouse.tables) == [TABLE]


def test_a_merge_over_the_limit_of_bytes_is_refused(bigquery: BigQuery, tmp_path: Path) -> None:
    bigquery_sink.merge(forecasts(tmp_path / "a", [1.0]), destination(bigquery))
    small = destination(bigquery).model_copy(update={"maximum_bytes_billed": 8})
    with pytest.raises(InputError, match=r"--set forecast\.bigquery\.maximum_bytes_billed=BYTES"):
        bigquery_sink.merge(forecasts(tmp_path / "b", [2.0]), small)
    assert kept(bigquery) == [1.0]


@pytest.mark.parametrize("kind", ["429", "503", "reset", "lost"])
def test_whatever_request_goes_wrong_each_forecast_is_there_once(
    kind: Literal["429", "503", "reset", "lost"], bigquery: BigQuery, tmp_path: Path, quick_retries: None
) -> None:
    from cloud.server import Fault

    table = forecasts(tmp_path / "a", [1.0, 2.0])
    bigquery_sink.merge(table, destination(bigquery))
    requests = len(bigquery.http.seen)
    for number in range(requests):
        bigquery.http.forget()
        bigquery.http.faults = {number: Fault(kind)}
        bigquery_sink.merge(table, destination(bigquery))
        assert kept(bigquery) == [1.0, 2.0], f"request {number} of {requests}"
        assert list(bigquery.warehouse.tables) == [TABLE]


KILLED = """
import os, sys
from components.forecast import bigquery_sink
from components.forecast.config import BigQueryDestination
from components.shared.artifacts import Table

bigquery_sink.merge(Table.open(sys.argv[1]), BigQueryDestination(table=sys.argv[2], api_endpoint=sys.argv[3]))
"""


@pytest.mark.slow
def test_a_kill_at_any_request_leaves_all_forecasts_or_none_and_a_second_run_completes_them(
    bigquery: BigQuery, tmp_path: Path
) -> None:
    table = forecasts(tmp_path / "a", [1.0, 2.0])
    bigquery_sink.merge(forecasts(tmp_path / "old", [9.0]), destination(bigquery))
    whole = len(bigquery.http.seen)
    answer = bigquery.http.handler
    for number in range(whole):
        process: list[subprocess.Popen[bytes]] = []
        bigquery.http.forget()

        def killing(request: Request, number: int = number, process: list[Any] = process) -> Answer:
            found = answer(request)
            if len(bigquery.http.seen) == number + 1:
                process[0].kill()
            return found

        bigquery.http.handler = killing
        command = [sys.executable, "-c", KILLED, str(table.path), TABLE, bigquery.http.url]
        process.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        process[0].wait(timeout=60)
        assert kept(bigquery) in ([9.0], [1.0, 2.0]), f"killed at request {number}"
        bigquery.http.handler = answer
        bigquery_sink.merge(table, destination(bigquery))
        assert kept(bigquery) == [1.0, 2.0]
        expiring = {n for n, record in bigquery.warehouse.tables.items() if "expirationTime" in record.more}
        assert bigquery.warehouse.tables.keys() - expiring == {TABLE}, "what was left behind removes itself"
        bigquery.rows(f'DELETE FROM "{TABLE}" RETURNING *')
        bigquery_sink.merge(forecasts(tmp_path / "again", [9.0]), destination(bigquery))
