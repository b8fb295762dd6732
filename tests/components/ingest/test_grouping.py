from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from components.shared.errors import InputError

Ingest = Callable[..., pa.Table]
DAYS = [date(2020, 1, 1) + timedelta(days=i) for i in range(40)]
SECTION: dict[str, Any] = {"catalog": None, "time": "day", "target": "price", "entity": "mill"}


def mixed(*names: Any) -> pa.Table:
    """A row of every mill on one day, then on the next."""
    rows = [(name, day, float(i * 100 + n)) for i, day in enumerate(DAYS) for n, name in enumerate(names)]
    return pa.table({key: [row[i] for row in rows] for i, key in enumerate(("mill", "day", "price"))})


def write(table: pa.Table, folder: Path, kind: str) -> dict[str, Any]:
    path = folder / f"panel.{kind}"
    if kind == "csv":
        pv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=7)
    return {"kind": kind, "path": str(path)}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("names", [("b", "a", "É '\"x"), (10, 9, 2)], ids=["text", "numbers"])
def test_mixed_rows_are_sorted_by_entity_then_time(
    tmp_path: Path, ingest: Ingest, kind: str, names: tuple[Any, ...]
) -> None:
    given = mixed(*names)
    found = ingest(write(given, tmp_path, kind), **SECTION, batch_rows=16)
    names_in_order = sorted(names)
    assert found["mill"].to_pylist() == [name for name in names_in_order for _ in DAYS]
    assert found["day"].to_pylist() == DAYS * 3
    expected = dict(
        zip(zip(given["mill"].to_pylist(), given["day"].to_pylist(), strict=True), given["price"], strict=True)
    )
    keys = zip(found["mill"].to_pylist(), found["day"].to_pylist(), strict=True)
    assert [expected[key].as_py() for key in keys] == found["price"].to_pylist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"panel.{kind}", "table"]


def test_rows_that_are_together_stay_in_their_order(tmp_path: Path, ingest: Ingest) -> None:
    names = ["b"] * 40 + ["a"] * 40
    table = pa.table({"mill": names, "day": DAYS * 2, "price": [float(i) for i in range(80)]})
    found = ingest(write(table, tmp_path, "parquet"), **SECTION)
    assert found["mill"].to_pylist() == names


def test_an_entity_that_goes_back_in_time_is_still_refused(tmp_path: Path, ingest: Ingest) -> None:
    table = mixed("a", "b")
    turned = table.take(list(range(9, -1, -1)) + list(range(10, 80)))
    with pytest.raises(InputError, match="earlier than the row before of the same mill"):
        ingest(write(turned, tmp_path, "parquet"), **SECTION)
    assert [path.name for path in tmp_path.iterdir()] == ["panel.parquet"]


def test_a_panel_without_its_time_says_so_rather_than_fail_in_sorting(tmp_path: Path, ingest: Ingest) -> None:
    catalog = {
        "columns": [
            {"name": "mill", "dtype": "string", "role": "entity"},
            {"name": "when", "dtype": "date", "role": "time"},
            {"name": "day", "dtype": "date"},
            {"name": "price", "dtype": "float64", "role": "target"},
        ]
    }
    with pytest.raises(InputError, match="when"):
        ingest(write(mixed("a", "b"), tmp_path, "parquet"), catalog=catalog)
