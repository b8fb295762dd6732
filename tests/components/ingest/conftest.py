"""One small table with missing values, and the same table as CSV, Parquet and DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from components.ingest import step
from components.ingest.config import IngestConfig
from components.shared.artifacts import Table

CATALOG: dict[str, Any] = {
    "columns": [
        {"name": "day", "dtype": "date", "role": "time"},
        {"name": "price", "dtype": "float64", "role": "target"},
        {"name": "volume", "dtype": "int64"},
        {"name": "grade", "dtype": "string"},
        {"name": "open", "dtype": "bool"},
    ]
}
ROWS = 120


def make_table() -> pa.Table:
    rng = np.random.default_rng(5)

    def with_gaps(values: Any, arrow_type: pa.DataType) -> pa.Array:
        return pa.array(values, arrow_type, mask=rng.random(ROWS) < 0.15)

    price = np.round(rng.normal(0, 3, ROWS), 1)
    return pa.table(
        {
            "day": pa.array([date(2020, 1, 1) + timedelta(days=3 * i) for i in range(ROWS)], pa.date32()),
            "price": with_gaps(price, pa.float64()),
            "volume": with_gaps(rng.integers(-3, 4, ROWS), pa.int64()),
            "grade": with_gaps(rng.choice(["a", "b", "É", "z z", "'; --"], ROWS), pa.string()),
            "open": with_gaps(rng.random(ROWS) < 0.5, pa.bool_()),
        }
    )


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return make_table()


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> dict[str, dict[str, Any]]:
    """The table in each kind of source that needs no server, as `source` sections."""
    folder = tmp_path_factory.mktemp("sources")
    pv.write_csv(table, folder / "table.csv")
    pq.write_table(table, folder / "table.parquet", row_group_size=25)
    with duckdb.connect(str(folder / "table.duckdb")) as connection:
        connection.register("given", table)
        # Stored backwards: the source has to put rows into the order of time.
        connection.execute('CREATE TABLE "the table" AS SELECT * FROM given ORDER BY day DESC')
    return {
        "csv": {"kind": "csv", "path": str(folder / "table.csv")},
        "parquet": {"kind": "parquet", "path": str(folder / "table.parquet")},
        "duckdb": {"kind": "duckdb", "database": str(folder / "table.duckdb"), "table": "the table"},
    }


Ingest = Callable[..., pa.Table]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    """Run the stage with the small table's catalog, or the section given, and read the artifact back."""

    def run(source: dict[str, Any], **section: Any) -> pa.Table:
        section = {"catalog": CATALOG, **section, "source": source}
        step.run(IngestConfig.parse(section, section="ingest"), tmp_path / "table")
        return Table.open(tmp_path / "table").read()

    return run


@pytest.fixture
def catalog() -> dict[str, Any]:
    """The small table's columns."""
    return CATALOG
