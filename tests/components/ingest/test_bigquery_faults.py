"""What goes wrong on the way from BigQuery: it goes on where it broke, or says in one message what to type next."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import grpc
import pyarrow as pa
import pytest

from components.ingest import step, storage_read
from components.ingest.config import IngestConfig
from components.shared.artifacts import Table
from components.shared.errors import InputError, TandemError

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery

TABLE = "my-project.market.prices"
NAMED = {"time": "day", "target": "price", "catalog": None}


@pytest.fixture
def prices(bigquery: BigQuery, table: pa.Table) -> BigQuery:
    bigquery.storage.response_rows = 7
    bigquery.warehouse.add(TABLE, table)
    return bigquery


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_read, "FIRST_WAIT", 0.01)


@pytest.mark.parametrize("rows", [0, 7, 14])
@pytest.mark.parametrize(
    "code", ["UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED", "ABORTED", "UNKNOWN", "DEADLINE_EXCEEDED"]
)
def test_a_stream_that_breaks_off_goes_on_from_its_next_row(
    prices: BigQuery, ingest: Any, table: pa.Table, short_waits: None, code: str, rows: int
) -> None:
    from cloud.bigquery.storage import Break

    prices.storage.breaks = {0: [Break(grpc.StatusCode[code], rows, times=2)], 2: [Break(grpc.StatusCode[code], 0)]}
    assert ingest(prices.source(table=TABLE)).to_pylist() == table.to_pylist()
    asked = [offset for stream, offset in prices.storage.asked if stream == 0]
    assert asked == [0, rows, 2 * rows], "no row is asked for twice"


@pytest.fixture
def long_table(bigquery: BigQuery) -> BigQuery:
    """60,000 prices 0, 1, 2 … in many small responses."""
    rows = 60_000
    days = pa.array(range(rows), pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp("us"))
    bigquery.warehouse.add(TABLE, pa.table({"day": days, "price": pa.array(range(rows), pa.float64())}))
    bigquery.storage.response_rows, bigquery.storage.pause = 2_000, 0.01
    return bigquery


def test_a_connection_that_is_reset_in_the_middle_of_streams_is_gone_on_with(
    long_table: BigQuery, ingest: Any, short_waits: None
) -> None:
    from cloud.bigquery.proxy import Wire

    wire = Wire(long_table.storage.port, cuts=[200_000, 150_000])
    found = ingest({**long_table.source(table=TABLE), "storage_endpoint": wire.url}, **NAMED)
    wire.close()
    assert found["price"].to_pylist() == list(range(60_000))
    assert wire.done == 2
    assert max(offset for _, offset in long_table.storage.asked) > 0
    assert len(long_table.storage.sessions) == 1


def test_a_connection_that_goes_dead_is_given_up_and_the_next_run_goes_on(
    long_table: BigQuery, ingest: Any, short_waits: None
) -> None:
    from cloud.bigquery.proxy import Wire

    wire = Wire(long_table.storage.port, cuts=[200_000], silent=True)
    with pytest.raises(TandemError, match="did not answer in time"):
        ingest({**long_table.source(table=TABLE), "storage_endpoint": wire.url, "retry_seconds": 1}, **NAMED)
    wire.close()
    assert ingest(long_table.source(table=TABLE), **NAMED)["price"].to_pylist() == list(range(60_000))
    assert max(offset for _, offset in long_table.storage.asked) > 0
    assert len(long_table.storage.sessions) == 1


def test_a_server_that_says_how_long_to_wait_is_listened_to() -> None:
    from google.api_core.exceptions import ResourceExhausted
    from google.rpc.error_details_pb2 import RetryInfo

    said = RetryInfo()
    said.retry_delay.FromMilliseconds(2500)
    assert storage_read._asked_delay(ResourceExhausted("busy", details=[said])) == 2.5
    assert storage_read._asked_delay(ResourceExhausted("busy")) == 0.0


@pytest.mark.parametrize("kind", ["429", "503", "reset", "lost"])
@pytest.mark.parametrize("form", ["table", "query"])
def test_whatever_request_goes_wrong_the_rows_are_the_same(
    prices: BigQuery,
    ingest: Any,
    table: pa.Table,
    quick_retries: None,
    kind: Literal["429", "503", "reset", "lost"],
    form: str,
) -> None:
    from cloud.server import Fault

    source = prices.source(**({"table": TABLE} if form == "table" else {"sql": f"SELECT * FROM `{TABLE}`"}))
    ingest(source)
    for number in range(len(prices.http.seen)):
        prices.http.forget()
        prices.http.faults = {number: Fault(kind)}
        assert ingest(source).to_pylist() == table.to_pylist(), f"request {number}"


RUN = """
import json, sys
from components.ingest import step
from components.ingest.config import IngestConfig

step.run(IngestConfig.parse(json.loads(sys.argv[1])), sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "query"])
def test_a_killed_download_goes_on_with_its_session_and_its_finished_shards(
    bigquery: BigQuery, tmp_path: Path, form: str
) -> None:
    rows = 200_000
    days = pa.array(range(rows), pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp("us"))
    table = pa.table({"day": days, "price": pa.array(range(rows), pa.float64())})
    bigquery.warehouse.add(TABLE, table)
    bigquery.storage.response_rows, bigquery.storage.pause = 5_000, 0.1
    source = bigquery.source(**({"table": TABLE} if form == "table" else {"sql": f"SELECT * FROM `{TABLE}`"}))
    section = {"source": source, "time": "day", "target": "price"}
    # A shard of a few responses, so that some are finished when the process is killed.
    code = "import components.ingest.shards as s; s.SHARD_BYTES = 100_000" + RUN
    process = subprocess.Popen([sys.executable, "-c", code, json.dumps(section), str(tmp_path / "table")])
    work = tmp_path / "table.progress" / "download"
    deadline = time.monotonic() + 60
    while len(list(work.glob("*.arrow"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    kept = sum(int(p.stem.split("-")[2]) - int(p.stem.split("-")[1]) for p in work.glob("*.arrow"))
    assert 0 < kept < rows
    jobs, first = dict(bigquery.rest.jobs), len(bigquery.storage.asked)
    bigquery.storage.pause = 0.0
    step.run(IngestConfig.parse(section), tmp_path / "table")
    assert Table.open(tmp_path / "table").read()["price"].to_pylist() == table["price"].to_pylist()
    assert len(bigquery.storage.sessions) == 1, "the same snapshot"
    assert bigquery.rest.jobs == jobs, "a query is paid for once"
    assert sum(offset for _, offset in bigquery.storage.asked[first:]) <= kept
    assert any(offset for _, offset in bigquery.storage.asked[first:]), "finished shards are not read again"
    assert not (tmp_path / "table.progress").exists()


def test_a_run_that_failed_goes_on_and_one_whose_session_expired_begins_anew(
    prices: BigQuery, table: pa.Table, tmp_path: Path, short_waits: None
) -> None:
    from cloud.bigquery.storage import Break

    def run() -> pa.Table:
        section = {**NAMED, "source": prices.source(table=TABLE, retry_seconds=1)}
        step.run(IngestConfig.parse(section), tmp_path / "table")
        return Table.open(tmp_path / "table").read()

    broken = {1: [Break(grpc.StatusCode.UNAVAILABLE, 7), Break(grpc.StatusCode.PERMISSION_DENIED, 7)]}
    prices.storage.breaks = dict(broken)
    with pytest.raises(InputError, match=r"roles/bigquery\.readSessionUser"):
        run()
    assert run()["price"].to_pylist() == table["price"].to_pylist()
    assert len(prices.storage.sessions) == 1
    prices.storage.breaks, prices.storage.lifetime = {1: [Break(grpc.StatusCode.PERMISSION_DENIED, 7)]}, timedelta(0)
    with pytest.raises(InputError, match="injected"):
        run()
    assert run()["price"].to_pylist() == table["price"].to_pylist()
    assert len(prices.storage.sessions) == 3


def test_a_stream_that_stays_broken_is_given_up(
    prices: BigQuery, ingest: Any, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> None:
    from cloud.bigquery.storage import Break

    monkeypatch.setattr(storage_read, "LONGEST_WAIT", 0.05)
    prices.storage.breaks = {0: [Break(grpc.StatusCode.UNAVAILABLE, 0, times=10**6)]}
    with pytest.raises(TandemError, match="Run again; it goes on") as caught:
        ingest(prices.source(table=TABLE, retry_seconds=1), **NAMED)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("code", "message", "told", "exit_code"),
    [
        ("PERMISSION_DENIED", "no", r"needs .*readSessionUser.*\n?.*add-iam-policy-binding", 2),
        ("UNAUTHENTICATED", "no", "gcloud auth application-default login", 2),
        ("RESOURCE_EXHAUSTED", "Quota exceeded", "A quota is used up", 1),
        ("PERMISSION_DENIED", "SERVICE_DISABLED: enable it", "gcloud services enable", 2),
    ],
    ids=["403", "401", "quota", "disabled"],
)
def test_a_refused_session_says_what_to_type(
    prices: BigQuery, ingest: Any, code: str, message: str, told: str, exit_code: int
) -> None:
    prices.storage.refuse = grpc.StatusCode[code], message
    with pytest.raises(TandemError, match=told) as caught:
        ingest(prices.source(table=TABLE), **NAMED)
    assert caught.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("kind", "told"),
    [("401", "gcloud auth application-default login"), ("403", "roles/bigquery.jobUser")],
)
def test_a_refused_request_says_what_to_type(
    prices: BigQuery, ingest: Any, kind: Literal["401", "403"], told: str
) -> None:
    from cloud.server import Fault

    prices.http.faults = {0: Fault(kind)}
    with pytest.raises(InputError, match=told):
        ingest(prices.source(table=TABLE), **NAMED)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"table": "market.pricse"}, r"Not found.*\n.*bq ls .*source\.location"),
        ({"sql": "SELECT nothing FROM `my-project.market.prices`"}, "bq query --use_legacy_sql=false --dry_run"),
        ({"sql": "SELECT * FROM `my-project.market.pricse`"}, "Not found"),
        ({"sql": "SELECT price, day FROM `my-project.market.guarded`"}, r"(?s)partition elimination.*in source\.sql"),
    ],
    ids=["404", "bad query", "404 in a query", "partition filter"],
)
def test_what_cannot_be_read_is_told(prices: BigQuery, ingest: Any, source: dict[str, Any], told: str) -> None:
    more = {"timePartitioning": {"type": "DAY", "field": "day"}, "requirePartitionFilter": True}
    prices.warehouse.add("my-project.market.guarded", pa.table({"day": [1], "price": [1.0]}), **more)
    with pytest.raises(InputError, match=told) as caught:
        ingest(prices.source(**source), **NAMED)
    assert caught.value.exit_code == 2
