from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.shared.errors import InputError

CATALOG = {
    "columns": [
        {"name": "date", "dtype": "date", "role": "time"},
        {"name": "x", "dtype": "float64", "range": [0, 10], "max_null_share": 0.1},
        {"name": "n", "dtype": "int64"},
        {"name": "y", "dtype": "float64", "role": "target"},
        {"name": "gone", "dtype": "float64"},
    ]
}
BAD = """date,x,n,y,surplus
2001-01-01,1,1,1,1
2001-01-01,-5,1.5,inf,1
2001-01-05,abc,3,2
2001-01-03,abc,3,2,1
,NA,x,2,1
2001-13-03, 99 ,3,2,1
2001-01-02 00:00:00,,3,-inf,1
"""

SERIES = ", or name the column that tells several series apart as ingest.entity"
ONE_A_TIME, OLDEST_FIRST = f"; keep one row a time{SERIES}", f"; put the oldest row first{SERIES}"
FORM = "; if all are written so, set source.time_format, for example '%d/%m/%Y'"


def problems_of(tmp_path: Path, ingest: Any, text: str, **section: Any) -> list[str]:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        ingest({"kind": "csv", "path": str(tmp_path / "bad.csv")}, **{"catalog": CATALOG, **section})
    assert caught.value.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv"], "nothing may be left behind"
    return caught.value.problems


@pytest.mark.parametrize("batch_rows", [1, 4, 65_536])
def test_every_violation_is_reported_at_once(tmp_path: Path, ingest: Any, batch_rows: int) -> None:
    assert problems_of(tmp_path, ingest, BAD, batch_rows=batch_rows) == [
        "gone: missing from the source",
        "surplus: extra column that the catalog does not name; add it to the catalog, or set ingest.on_extra: ignore",
        "1 line does not have one cell a column; first: line 4 has 4 ('2001-01-05,abc,3,2')",
        "date: 1 row that cannot be read as date (YYYY-MM-DD); first: row 5 ('2001-13-03')" + FORM,
        "date: 1 row with the time of the row before (duplicate); first: row 2 (2001-01-01)" + ONE_A_TIME,
        "date: 1 row earlier than the row before (not sorted); first: row 6 (2001-01-02)" + OLDEST_FIRST,
        "date: 1 row without a value (16.67% of 6; at most 0.00% allowed); first: row 4 (missing)",
        "x: 1 row that cannot be read as float64; first: row 3 ('abc')",
        "x: 1 row below 0; first: row 2 (-5.0)",
        "x: 1 row above 10; first: row 5 (99.0)",
        "x: 2 rows without a value (33.33% of 6; at most 10.00% allowed); first: row 4 (missing), row 6 (missing)",
        "n: 2 rows that cannot be read as int64; first: row 2 ('1.5'), row 4 ('x')",
        "y: 2 rows infinite; first: row 2 (inf), row 6 (-inf)",
    ]


def test_an_unreadable_cell_under_a_condition_is_reported_not_dropped(tmp_path: Path, ingest: Any) -> None:
    found = problems_of(tmp_path, ingest, BAD, start="2001-01-04")
    assert "date: 1 row that cannot be read as date (YYYY-MM-DD); first: row 1 ('2001-13-03')" + FORM in found
    assert not [problem for problem in found if "duplicate" in problem or "below" in problem]


def test_rows_are_not_judged_without_a_condition_they_need(tmp_path: Path, ingest: Any) -> None:
    found = problems_of(tmp_path, ingest, BAD, filter=[{"column": "gone", "op": ">", "value": 0}])
    assert found[0] == "gone: missing from the source"
    assert found[-1].startswith("the rows were not looked at")


@pytest.mark.parametrize(("rows", "missing", "fits"), [(20, 2, True), (20, 3, False), (15, 2, False)])
def test_a_share_of_missing_values_may_be_reached_and_not_passed(
    tmp_path: Path, ingest: Any, rows: int, missing: int, fits: bool
) -> None:
    lines = [f"{date.fromordinal(730000 + row)},{'' if row < missing else 1},{1}" for row in range(rows)]
    columns = [{"name": "date", "dtype": "date", "role": "time"}, {**CATALOG["columns"][1]}, CATALOG["columns"][3]]
    text = "\n".join(["date,x,y", *lines])
    if fits:
        (tmp_path / "good.csv").write_text(text)
        source = {"kind": "csv", "path": str(tmp_path / "good.csv")}
        assert ingest(source, catalog={"columns": columns}).num_rows == rows
    else:
        (found,) = problems_of(tmp_path, ingest, text, catalog={"columns": columns})
        assert found.startswith(f"x: {missing} rows without a value")


def test_a_range_holds_its_ends_and_nothing_beyond(tmp_path: Path, ingest: Any) -> None:
    columns = [{"name": "date", "dtype": "date", "role": "time"}, {**CATALOG["columns"][1]}, CATALOG["columns"][3]]
    text = "date,x,y\n2001-01-01,0,1\n2001-01-02,10,1\n2001-01-03,-0.001,1\n2001-01-04,10.001,1\n"
    assert problems_of(tmp_path, ingest, text, catalog={"columns": columns}) == [
        "x: 1 row below 0; first: row 3 (-0.001)",
        "x: 1 row above 10; first: row 4 (10.001)",
    ]


def test_counts_and_first_rows_span_batches(tmp_path: Path, ingest: Any) -> None:
    lines = "\n".join(f"{date.fromordinal(730000 + i)},{i},{i}" for i in range(1000))
    catalog = {
        "columns": [
            {"name": "date", "dtype": "date", "role": "time"},
            {"name": "x", "dtype": "float64", "role": "target", "range": [None, 989]},
            {"name": "n", "dtype": "int64", "range": [3, None]},
        ]
    }
    found = problems_of(tmp_path, ingest, f"date,x,n\n{lines}\n", catalog=catalog, batch_rows=7)
    assert found == [
        "x: 10 rows above 989; first: row 991 (990.0), row 992 (991.0), row 993 (992.0)",
        "n: 3 rows below 3; first: row 1 (0), row 2 (1), row 3 (2)",
    ]


def test_a_column_of_the_wrong_type_is_counted_up_to_a_limit(tmp_path: Path, ingest: Any) -> None:
    lines = "\n".join(f"{date.fromordinal(730000 + i)},1,text" for i in range(1500))
    catalog = {"columns": [*CATALOG["columns"][:1], {"name": "y", "dtype": "float64", "role": "target"}]}
    catalog["columns"].append({"name": "n", "dtype": "int64", "max_null_share": 0})
    (found,) = problems_of(tmp_path, ingest, f"date,y,n\n{lines}\n", catalog=catalog)
    assert found.startswith("n: 1,000 or more rows that cannot be read as int64; first: row 1 ('text')")


def test_times_are_judged_within_each_entity(tmp_path: Path, ingest: Any) -> None:
    catalog = {
        "columns": [
            {"name": "date", "dtype": "date", "role": "time"},
            {"name": "symbol", "dtype": "string", "role": "entity"},
            {"name": "y", "dtype": "float64", "role": "target"},
        ]
    }
    rows = ["2001-01-01,a,1", "2001-01-02,a,1", "2001-01-01,b,1"]
    good = "\n".join(["date,symbol,y", *rows])
    (tmp_path / "good.csv").write_text(good)
    assert ingest({"kind": "csv", "path": str(tmp_path / "good.csv")}, catalog=catalog).num_rows == 3
    (tmp_path / "good.csv").unlink()
    for path in (tmp_path / "table").iterdir():
        path.unlink()
    (tmp_path / "table").rmdir()
    bad = "\n".join([good, "2001-01-02,a,1", "2000-12-31,b,1", "2001-01-03,,1"])
    assert problems_of(tmp_path, ingest, bad, catalog=catalog) == [
        "date: 1 row with the time of the row before of the same symbol (duplicate); first: row 4 (2001-01-02); "
        "keep one row a time",
        "date: 1 row earlier than the row before of the same symbol (not sorted); first: row 5 (2000-12-31); "
        "put the oldest row first",
        "symbol: 1 row without a value (16.67% of 6; at most 0.00% allowed); first: row 6 (missing)",
    ]
