from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_runner.serve import tables
from local_runner.serve.tables import ROWS, UnreadableTable


def write_parquet(path: Path, first: int, count: int, group: int = 7) -> Path:
    table = pa.table({"id": range(first, first + count), "name": [f"row {i}" for i in range(first, first + count)]})
    pq.write_table(table, path, row_group_size=group)
    return path


def ids(table: tables.Table) -> list[int]:
    return [int(row[0]) for row in table.rows]


def test_pages_of_several_parts_join_to_all_rows(tmp_path: Path) -> None:
    parts = [write_parquet(tmp_path / f"{i}.parquet", *rows) for i, rows in enumerate([(0, 30), (30, 0), (30, 101)])]
    pages = [tables.parquet(parts, page) for page in range(4)]
    assert [i for page in pages for i in ids(page)] == list(range(131))
    assert [(page.first, page.more, page.total) for page in pages] == [
        (0, True, 131), (50, True, 131), (100, False, 131), (150, False, 131),
    ]  # fmt: skip
    assert pages[0].columns == (("id", "int64"), ("name", "string"))
    assert pages[0].numeric == (True, False)


def test_cells_are_short_text_whatever_they_hold(tmp_path: Path) -> None:
    values = {
        "when": [datetime.datetime(2026, 1, 2)], "raw": [b"abc"], "nested": [{"a": [1, 2]}], "none": [None],
        "long": ["x" * 10_000], "share": [1 / 3],
    }  # fmt: skip
    pq.write_table(pa.table(values), tmp_path / "a.parquet")
    (row,) = tables.parquet([tmp_path / "a.parquet"], 0).rows
    assert row[:4] == ("2026-01-02", "3 bytes", '{"a": [1, 2]}', "–")
    assert len(row[4]) < 200
    assert row[5] == "0.333333"


def test_a_very_wide_table_says_what_it_leaves_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({f"c{i}": [i] for i in range(250)}), tmp_path / "a.parquet")
    table = tables.parquet([tmp_path / "a.parquet"], 0)
    assert (len(table.columns), table.hidden) == (tables.MOST_COLUMNS, 50)


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"plain text"], ids=["empty", "cut", "text"])
def test_a_damaged_parquet_file_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(UnreadableTable, match="not readable as Parquet"):
        tables.parquet([path], 0)


def test_csv_is_read_by_pages_and_ragged_rows_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["id,name", *(f'{i},"quoted, {i}"' for i in range(ROWS + 5)), "1,2,3"]
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    first, second = tables.delimited(path, 0), tables.delimited(path, 1)
    assert (first.more, first.total, len(first.rows)) == (True, None, ROWS)
    assert first.rows[3] == ("3", "quoted, 3")
    assert (second.more, second.total) == (False, ROWS + 6)
    assert second.rows[-1] == ("1", "2", "3")
    assert first.columns[0] == ("id", "")


def test_a_csv_of_bytes_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableTable, match="not readable as CSV"):
        tables.delimited(path, 0)


def test_an_array_is_shown_in_rows_of_its_last_axis(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(2 * 40 * 3, dtype=np.float32).reshape(2, 40, 3))
    table = tables.array(tmp_path / "a.npy", 1)
    assert (table.first, table.total, len(table.rows)) == (ROWS, 80, 30)
    assert table.rows[0] == ("150", "151", "152")


def test_objects_in_an_array_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableTable, match="NumPy"):
        tables.array(tmp_path / "a.npy", 0)
