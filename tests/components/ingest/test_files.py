from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.shared.errors import InputError

NAMED = {"catalog": None, "time": "day", "target": "x"}


def csv(path: Path, **keys: Any) -> dict[str, Any]:
    return {"kind": "csv", "path": str(path), **keys}


def days(start: int, count: int) -> pa.Array:
    return pa.array([date(2020, 1, 1) + timedelta(days=start + i) for i in range(count)])


def test_a_csv_with_its_own_delimiter_nulls_and_encoding(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_bytes("day;x;größe\n2020-01-01;1;-\n2020-01-02;-;2\n".encode("latin-1"))
    found = ingest(csv(tmp_path / "t.csv", delimiter=";", null_values=["-"], encoding="latin-1"), **NAMED)
    assert found.to_pydict() == {
        "day": [date(2020, 1, 1), date(2020, 1, 2)],
        "x": [1.0, None],
        "größe": [None, 2.0],
    }


def test_whole_numbers_of_a_csv_may_be_followed_by_decimal_ones(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_text("day,x\n2020-01-01,1\n2020-01-02,1.5\n")
    assert ingest(csv(tmp_path / "t.csv"), **NAMED)["x"].to_pylist() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (",day,x", "{0},2020-01-0{0},{0}.5"),
        ("day,x,", "2020-01-0{0},{0}.5,"),
        (",day,x,", "{0},2020-01-0{0},{0}.5,"),
        (",day,x", "text {0},2020-01-0{0},{0}.5"),
    ],
    ids=["row-numbers-of-pandas", "comma-at-the-end", "both", "row-labels"],
)
def test_columns_without_a_name_are_left_out(tmp_path: Path, ingest: Any, header: str, row: str) -> None:
    (tmp_path / "t.csv").write_text("\n".join([header, *(row.format(i) for i in (1, 2, 3))]) + "\n")
    assert ingest(csv(tmp_path / "t.csv"), **NAMED).to_pydict()["x"] == [1.5, 2.5, 3.5]


def test_a_column_without_a_name_that_a_catalog_does_not_know_is_called_so(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_text(",day,x\n0,2020-01-01,1.5\n")
    roles = (("day", "date", "time"), ("x", "float64", "target"))
    catalog = {"columns": [{"name": name, "dtype": dtype, "role": role} for name, dtype, role in roles]}
    with pytest.raises(InputError, match=r"a column without a name: extra column .* set ingest\.on_extra: ignore"):
        ingest(csv(tmp_path / "t.csv"), catalog=catalog)
    assert ingest(csv(tmp_path / "t.csv"), catalog=catalog, on_extra="ignore").column_names == ["day", "x"]


def test_a_folder_of_csv_files_is_one_table(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "1.csv").write_text("day,x\n2020-01-01,1\n")
    # Columns may come in another order, and files may be compressed.
    with gzip.open(tmp_path / "2.csv.gz", "wt") as stream:
        stream.write("x,day\n2,2020-01-02\n")
    assert ingest(csv(tmp_path), **NAMED)["x"].to_pylist() == [1.0, 2.0]


def test_parquet_files_may_differ_in_types_but_not_in_columns(tmp_path: Path, ingest: Any) -> None:
    pq.write_table(pa.table({"day": days(0, 1), "x": [1.5]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"day": days(1, 1), "x": [2]}), tmp_path / "2.parquet")
    source = {"kind": "parquet", "path": str(tmp_path / "*.parquet")}
    kept = ingest(source, **NAMED, filter=[{"column": "x", "op": ">", "value": 1.6}])
    assert kept["x"].to_pylist() == [2.0]
    pq.write_table(pa.table({"day": days(2, 1), "z": [2]}), tmp_path / "3.parquet")
    with pytest.raises(InputError, match=r"3\.parquet lacks x and adds z"):
        ingest(source, **NAMED)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Empty CSV file"),
        (b"day,x\n", "the table has no rows"),
        (b"day,x,x\n2020-01-01,1,2\n", "columns appear more than once: x"),
        ("day,x,é\n2020-01-01,1,2\n".encode("latin-1"), r"set source\.encoding"),
        (b"day,x\n2020-01-01,1\n2020-01-02\n2020-01-03,1,2\n", r"2 lines do not have .* line 3 has 1 .*, line 4 has 3"),
        (b"day;x\n2020-01-01;1\n", r"one column, 'day;x'; if its cells .* set source\.delimiter: ';'"),
        (b"day;x\n2020-01-01;1,5\n2020-01-02;2,5\n", r"set source\.delimiter: ';'"),
        (b"day\tx\n2020-01-01\t1\n", r"set source\.delimiter: '\\t'"),
        (b"day, x\n2020-01-01,1\n", "no column 'x'; nearest: ' x'"),
        (b"PAR1\x15\x04\0\0\n\0\xff", r"t\.csv is not a text file"),
        (gzip.compress(b"day,x\n"), r"t\.csv is not a text file"),
    ],
    ids=[
        "empty",
        "header only",
        "repeated column",
        "encoding",
        "ragged lines",
        "semicolons",
        "decimal commas",
        "tabs",
        "space in header",
        "binary",
        "compressed without saying so",
    ],
)
def test_a_csv_that_cannot_be_used_says_why(tmp_path: Path, ingest: Any, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        ingest(csv(tmp_path / "t.csv"), **NAMED)


def test_a_csv_that_is_read_as_parquet_says_which_kind_to_set(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_text("day,x\n2020-01-01,1\n")
    with pytest.raises(InputError, match=r"t\.csv cannot be read as Parquet: .* set source\.kind: csv"):
        ingest({"kind": "parquet", "path": str(tmp_path / "t.csv")}, **NAMED)


@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_parquet_file_is_named(tmp_path: Path, ingest: Any, damage: str) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"day": days(0, 20_000), "x": np.random.default_rng(0).random(20_000)}), path)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] if damage == "truncated" else content[:50] + b"\0" * half + content[50 + half :])
    with pytest.raises(InputError, match=r"t\.parquet cannot be read as Parquet"):
        ingest({"kind": "parquet", "path": str(path)}, **NAMED)
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "2", "n.a.", "4"], r"- v: 1 row that cannot be read as numbers; first: row 3 \('n\.a\.'\)"),
        (["1%", "2.5%", "", "-3 %"], r"- v: 3 rows .* row 1 \('1%'\), row 2 \('2\.5%'\), row 4 \('-3 %'\)"),
        (['"1,234"', "12", '"1,234,567.8"', "x"], r"- v: 3 rows .* row 1 \('1,234'\), row 3"),
        (["1", "a", "2", "b"], r"- v: 2 rows .* row 2 \('a'\), row 4 \('b'\)"),
    ],
    ids=["one bad cell", "percent", "thousands", "half"],
)
def test_numbers_with_bad_cells_are_refused_not_left_out(
    tmp_path: Path, ingest: Any, cells: list[str], message: str
) -> None:
    lines = [f"2020-01-{day:02},{day},{cell}\n" for day, cell in enumerate(cells, start=1)]
    (tmp_path / "t.csv").write_text("day,x,v\n" + "".join(lines))
    with pytest.raises(InputError, match=message.removeprefix("- ")) as caught:
        ingest(csv(tmp_path / "t.csv"), **NAMED)
    assert "or leave the column out by naming those to keep in ingest.columns" in str(caught.value)
    assert ("source.decimal and source.thousands" in str(caught.value)) == ("1,234" in cells[0])
    assert ingest(csv(tmp_path / "t.csv"), **NAMED, columns=["x"]).column_names == ["day", "x"]


@pytest.mark.parametrize("cells", [["a", "b", "1"], ["2020.01.01", "12:30", ""], ["192.168.0.1", "1-2", "1e"]], ids=str)
def test_a_column_of_text_is_left_out(tmp_path: Path, ingest: Any, cells: list[str]) -> None:
    lines = [f"2020-01-{day:02},{day},{cell}\n" for day, cell in enumerate(cells, start=1)]
    (tmp_path / "t.csv").write_text("day,x,v\n" + "".join(lines))
    assert ingest(csv(tmp_path / "t.csv"), **NAMED).column_names == ["day", "x"]


def test_a_target_of_text_names_its_first_bad_cells(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_text("day,x\n2020-01-01,1\n2020-01-02,-\n")
    with pytest.raises(InputError, match=r"ingest\.target: x holds string, expected numbers: 1 row .* row 2 \('-'\)"):
        ingest(csv(tmp_path / "t.csv"), **NAMED)


def test_a_file_of_another_encoding_than_said_is_refused(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_bytes(b"day,x\n2020-01-01,1\n")
    with pytest.raises(InputError, match=r"set source\.encoding"):
        ingest(csv(tmp_path / "t.csv", encoding="utf-16"), **NAMED)


def test_zero_bytes_of_a_wide_encoding_are_text(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "t.csv").write_bytes("day,x\n2020-01-01,1\n".encode("utf-16"))
    assert ingest(csv(tmp_path / "t.csv", encoding="utf-16"), **NAMED)["x"].to_pylist() == [1.0]
