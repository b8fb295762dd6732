"""The real clients against the stand-in on this machine: the same rows as from files, and nothing read in vain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from components.ingest import step
from components.ingest.config import IngestConfig
from components.shared.artifacts import Table
from components.shared.errors import InputError

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery

TABLE = "my-project.market.prices"
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "dates": {"start": "2020-03-01", "end": "2020-11-30"},
    "numbers": {"filter": [{"column": "price", "op": ">", "value": 0.5}, {"column": "volume", "op": "!=", "value": 1}]},
    "text": {"filter": [{"column": "grade", "op": "in", "value": ["a", "É", "'; --"]}]},
    "nulls": {"filter": [{"column": "grade", "op": "is_null"}, {"column": "price", "op": "is_not_null"}]},
    "lists": {"filter": [{"column": "volume", "op": "not_in", "value": [0, 2]}]},
    "truth": {"filter": [{"column": "open", "op": "==", "value": True}], "columns": ["grade"]},
}


@pytest.fixture
def prices(bigquery: BigQuery, table: pa.Table) -> BigQuery:
    """The small table, in responses of a few rows that go to the streams in turns."""
    bigquery.storage.response_rows = 7
    bigquery.warehouse.add(TABLE, table)
    return bigquery


@pytest.mark.parametrize("section", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize("form", ["table", "query", "view"])
def test_every_source_makes_the_same_artifact(
    prices: BigQuery,
    sources: dict[str, Any],
    tmp_path: Path,
    catalog: dict[str, Any],
    section: dict[str, Any],
    form: str,
) -> None:
    forms = {
        "table": {"table": "market.prices"},
        "query": {"sql": f"SELECT * FROM `{TABLE}`"},
        "view": {"table": TABLE},
    }
    if form == "view":
        prices.warehouse.tables[TABLE].more["type"] = "VIEW"
    asked = {"parquet": sources["parquet"], "duckdb": sources["duckdb"], "bigquery": prices.source(**forms[form])}
    digests = set()
    for name, source in asked.items():
        config = IngestConfig.parse({"catalog": catalog, **section, "source": source})
        digests.add(step.run(config, tmp_path / name)["digest"])
    assert len(digests) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bigquery", "duckdb", "parquet"]


def test_rows_that_come_in_no_order_are_sorted(bigquery: BigQuery, table: pa.Table, ingest: Any) -> None:
    bigquery.storage.response_rows = 7
    bigquery.warehouse.add(TABLE, table.sort_by([("day", "descending")]))
    assert ingest(bigquery.source(table=TABLE)).equals(table.cast(ingest(bigquery.source(table=TABLE)).schema))


def test_a_table_is_read_by_streams_with_its_columns_and_rows_pushed_down(prices: BigQuery, ingest: Any) -> None:
    section = {"columns": ["grade"], "start": "2020-06-01", "filter": [{"column": "grade", "op": "==", "value": "z z"}]}
    ingest(prices.source(table=TABLE, streams=3), **section)
    (session,) = prices.storage.sessions
    assert set(session.read_options.selected_fields) == {"day", "price", "grade"}
    assert session.read_options.row_restriction == "`grade` = 'z\\U00000020z' AND `day` >= DATE '2020-06-01'"
    assert {stream for stream, _ in prices.storage.asked} <= {0, 1, 2}


def test_the_bytes_are_told_before_a_row_is_read_and_every_job_has_a_limit(
    prices: BigQuery, ingest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ingest(prices.source(sql=f"SELECT * FROM `{TABLE}` WHERE volume > @low", parameters={"low": -9}))
    assert "bytes to read 4800/10737418240" in caplog.text
    jobs = [request.json()["configuration"]["query"] for request in prices.http.seen if request.method == "POST"]
    assert len(jobs) == 3, "a dry run for the columns, one for the bytes, and the query"
    assert all(job["maximumBytesBilled"] == "10737418240" for job in jobs)
    assert not any("ORDER BY" in job["query"] for job in jobs)


def test_a_query_over_the_limit_is_refused_before_it_runs(prices: BigQuery, ingest: Any) -> None:
    with pytest.raises(InputError, match=r"--set ingest\.source\.maximum_bytes_billed=4800"):
        ingest(prices.source(table=TABLE, maximum_bytes_billed=4799))
    assert prices.rest.jobs == {}
    assert prices.storage.sessions == []


PARTITIONED = {"timePartitioning": {"type": "DAY", "field": "day"}, "numBytes": str(5 << 40)}


@pytest.mark.parametrize(
    ("more", "section", "refused"),
    [
        (PARTITIONED, {}, True),
        (PARTITIONED, {"start": "2020-03-01"}, False),
        (PARTITIONED, {"filter": [{"column": "day", "op": "!=", "value": "2020-01-01"}]}, True),
        (PARTITIONED, {"filter": [{"column": "price", "op": ">", "value": 0}]}, True),
        ({**PARTITIONED, "numBytes": "1000"}, {}, False),
        ({**PARTITIONED, "numBytes": "1000", "requirePartitionFilter": True}, {}, True),
        ({"numBytes": str(5 << 40)}, {}, False),
        ({"timePartitioning": {"type": "DAY"}, "numBytes": str(5 << 40)}, {"start": "2020-03-01"}, True),
    ],
    ids=["none", "dates", "prunes nothing", "other column", "small", "demanded", "not partitioned", "by loading"],
)
def test_a_big_partitioned_table_is_read_with_a_filter_on_its_partitions(
    prices: BigQuery, ingest: Any, more: dict[str, Any], section: dict[str, Any], refused: bool
) -> None:
    prices.warehouse.tables[TABLE].more.update(more)
    if not refused:
        assert ingest(prices.source(table=TABLE), **section).num_rows
        return
    column = "_PARTITIONTIME" if "field" not in more["timePartitioning"] else "day"
    with pytest.raises(InputError, match=rf"partitioned by {column}.*(ingest\.start|source\.sql)"):
        ingest(prices.source(table=TABLE), **section)
    assert prices.storage.sessions == []


def test_all_of_a_big_table_can_be_allowed(prices: BigQuery, ingest: Any) -> None:
    prices.warehouse.tables[TABLE].more.update(PARTITIONED)
    assert ingest(prices.source(table=TABLE, full_scan_bytes=6 << 40)).num_rows == 120


def test_a_panel_comes_together_by_entity(bigquery: BigQuery, tmp_path: Path) -> None:
    rows = {
        "day": list(range(50)) * 3,
        "mill": ["b"] * 50 + ["a"] * 50 + ["c"] * 50,
        "price": [float(i) for i in range(150)],
    }
    panel = pa.table({**rows, "day": pa.array(rows["day"], pa.int32()).cast(pa.date32())})
    bigquery.storage.response_rows = 20
    bigquery.warehouse.add(TABLE, panel.sort_by([("day", "ascending"), ("mill", "ascending")]))
    named = {"time": "day", "target": "price", "entity": "mill"}
    step.run(IngestConfig.parse({**named, "source": bigquery.source(table=TABLE)}), tmp_path / "table")
    expected = panel.sort_by([("mill", "ascending"), ("day", "ascending")])
    found = Table.open(tmp_path / "table").read()
    assert found["mill"].to_pylist() == expected["mill"].to_pylist()
    assert found["price"].to_pylist() == expected["price"].to_pylist()


def test_a_wrong_table_is_told_with_all_its_problems_and_read_anew(
    prices: BigQuery, ingest: Any, tmp_path: Path
) -> None:
    wrong = {"time": "day", "target": "price", "catalog": None, "entity": "grade"}
    for _ in range(2):
        with pytest.raises(InputError, match="without a value"):
            ingest(prices.source(table=TABLE), **wrong)
    assert len(prices.storage.sessions) == 2, "rows that are mended in the warehouse must be seen"
    assert not list(tmp_path.iterdir())
