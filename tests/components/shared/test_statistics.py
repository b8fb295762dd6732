"""The statistics that SQL gives are those NumPy has, on DuckDB and in BigQuery's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.shared import statistics
from components.shared.sql import BIGQUERY, DUCKDB
from components.shared.statistics import Ask, Column

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery

SHARES = [0.0, 0.25, 0.5, 0.75, 1.0]
rng = np.random.default_rng(2)
CASES = {
    "normal": rng.normal(size=5_001),
    "heavy tails": rng.standard_cauchy(5_000) * 1e9,
    "few values": rng.integers(0, 3, 4_000).astype(float),
    "one outlier": np.append(rng.normal(size=3_000), 1e300),
    "whole range": np.array([-1.7e308, -1.0, 0.0, 5e-324, 1.0, 1.7e308] * 50),
    "gaps": np.where(rng.random(999) < 0.4, np.nan, rng.normal(size=999)),
    "one": np.array([7.25]),
    "steps": np.nextafter(1.0, 2.0) * np.ones(100) * np.where(np.arange(100) % 2, 1.0, 1.0000000000000002),
}


def on_duckdb(values: Any) -> Column:
    connection = duckdb.connect()
    connection.register("given", pa.table({"odd name": pa.array(values, pa.float64())}))
    return Column(asked(connection), DUCKDB, "given", "odd name")


def asked(connection: duckdb.DuckDBPyConnection) -> Ask:
    return lambda query: connection.sql(query.text, params=query.parameters or None).fetchall()


def assert_like_numpy(column: Column, values: Any) -> None:
    known = np.asarray(values)[~np.isnan(values)]
    found = column.summary()
    assert (found.rows, found.known) == (len(values), len(known))
    assert (found.low, found.high) == (known.min(), known.max())
    assert found.null_share == pytest.approx(np.isnan(values).mean())
    if np.abs(known).max() < 1e100:
        np.testing.assert_allclose([found.mean, found.deviation], [known.mean(), known.std()], rtol=1e-10, atol=1e-12)
    ranks = sorted({0, 1 % len(known), len(known) // 3, len(known) - 1})
    assert column.at_ranks(ranks, found) == {rank: np.sort(known)[rank] for rank in ranks}
    if np.abs(known).max() < 1e100:
        assert column.quantiles(SHARES, found) == np.percentile(known, [100 * share for share in SHARES]).tolist()


@pytest.mark.parametrize("fetched", [1, 50, 20_000])
@pytest.mark.parametrize("values", CASES.values(), ids=CASES.keys())
def test_duckdb_says_what_numpy_says(values: Any, fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "FETCHED", fetched)
    monkeypatch.setattr(statistics, "BUCKETS", 16 if fetched < 100 else 4096)
    assert_like_numpy(on_duckdb(values), values)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(-1e50, 1e50, allow_subnormal=True), min_size=1, max_size=60), share=st.floats(0, 1))
def test_any_quantile_is_exact(values: list[float], share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "FETCHED", 2)
    monkeypatch.setattr(statistics, "BUCKETS", 4)
    column = on_duckdb(values)
    (found,) = column.quantiles([share], column.summary())
    np.testing.assert_allclose(found, np.quantile(values, share), rtol=1e-12)


@pytest.mark.parametrize("values", CASES.values(), ids=CASES.keys())
def test_bigquerys_words_say_the_same(values: Any, bigquery: BigQuery) -> None:
    bigquery.warehouse.add("my-project.market.prices", pa.table({"price": pa.array(values, pa.float64())}))
    from components.ingest.bigquery_source import asking
    from components.ingest.config import BigQuerySource

    source = BigQuerySource.parse(bigquery.source(table="market.prices"))
    with asking(source) as (ask, relation):
        assert_like_numpy(Column(ask, BIGQUERY, relation, "price"), values)
    jobs = [job["configuration"]["query"] for job in bigquery.rest.jobs.values()]
    assert all(job["maximumBytesBilled"] == str(source.maximum_bytes_billed) for job in jobs)


def test_whole_numbers_and_columns_without_a_value() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE given AS SELECT range AS n, NULL::INTEGER AS empty FROM range(10)")
    numbers, empty = (Column(asked(connection), DUCKDB, "given", name) for name in ("n", "empty"))
    assert numbers.quantiles([0.5], numbers.summary()) == [4.5]
    assert (empty.summary().known, empty.summary().null_share) == (0, 1.0)
