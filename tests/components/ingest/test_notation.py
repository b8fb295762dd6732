"""CSV files that write numbers and times in the ways that vendors and spreadsheets do."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.ingest.config import IngestConfig
from components.ingest.notation import Notation
from components.shared.errors import InputError

NAMED = {"catalog": None, "time": "day", "target": "x"}


def csv(path: Path, lines: list[str], **keys: Any) -> dict[str, Any]:
    path.write_text("\n".join(lines) + "\n")
    return {"kind": "csv", "path": str(path), **keys}


@pytest.mark.parametrize(
    ("cells", "marks", "expected"),
    [
        (["1,5", "-0,25", " 3 ", "2e3"], {"decimal": ","}, [1.5, -0.25, 3.0, 2000.0]),
        (["1.234,5", "12", "-1.234.567"], {"decimal": ",", "thousands": "."}, [1234.5, 12.0, -1234567.0]),
        (["1,234.5", "1,234", "0.5"], {"thousands": ","}, [1234.5, 1234.0, 0.5]),
        (["1 234", "56 789.25"], {"thousands": " "}, [1234.0, 56789.25]),
        (["1'234", "7"], {"thousands": "'"}, [1234.0, 7.0]),
    ],
    ids=["decimal commas", "points for thousands", "commas for thousands", "spaces", "apostrophes"],
)
@pytest.mark.parametrize("catalog", [False, True], ids=["inferred", "catalog"])
def test_numbers_are_read_as_they_are_written(
    tmp_path: Path, ingest: Any, cells: list[str], marks: dict[str, str], expected: list[float], catalog: bool
) -> None:
    lines = ["day;x;v", *(f"2020-01-0{i};{i};{cell}" for i, cell in enumerate(cells, start=1))]
    columns = [("day", "date", "time"), ("x", "float64", "target"), ("v", "float64", "feature")]
    section = (
        {"catalog": {"columns": [{"name": n, "dtype": d, "role": r} for n, d, r in columns]}} if catalog else NAMED
    )
    found = ingest(csv(tmp_path / "t.csv", lines, delimiter=";", **marks), **section)
    assert found["v"].to_pylist() == expected


@pytest.mark.parametrize(
    ("cell", "marks"),
    [
        ("1.5", {"decimal": ","}),
        ("1.234", {"decimal": ","}),
        ("1.5", {"decimal": ",", "thousands": "."}),
        ("12.34,5", {"decimal": ",", "thousands": "."}),
        ("1,5", {"thousands": ","}),
        ("1234,567", {"thousands": ","}),
    ],
    ids=str,
)
def test_a_number_written_in_another_way_than_said_is_refused_not_read_as_another(
    tmp_path: Path, ingest: Any, cell: str, marks: dict[str, str]
) -> None:
    lines = ["day;x", "2020-01-01;1", f"2020-01-02;{cell}"]
    with pytest.raises(InputError, match=r"1 row that cannot be read as \w+; first: row 2"):
        ingest(csv(tmp_path / "t.csv", lines, delimiter=";", **marks), **NAMED)


@pytest.mark.parametrize(
    ("cells", "form", "second"),
    [
        (["12/01/2016", "13/01/2016", "1/2/2016"], "%d/%m/%Y", datetime(2016, 1, 13)),
        (["01/12/2016", "01/13/2016", "02/01/2016"], "%m/%d/%Y", datetime(2016, 1, 13)),
        (["20160112", "20160113", "20160201"], "%Y%m%d", datetime(2016, 1, 13)),
        (["12.01.16 09:30", "12.01.16 10:30", "13.01.16 09:30"], "%d.%m.%y %H:%M", datetime(2016, 1, 12, 10, 30)),
        (["12-Jan-2016", "13-JAN-2016", "01-Feb-2016"], "%d-%b-%Y", datetime(2016, 1, 13)),
    ],
    ids=["days first", "months first", "digits", "with hours", "names"],
)
def test_times_are_read_as_they_are_written(
    tmp_path: Path, ingest: Any, cells: list[str], form: str, second: datetime
) -> None:
    lines = ["day,x", *(f"{cell},{i}" for i, cell in enumerate(cells))]
    assert ingest(csv(tmp_path / "t.csv", lines, time_format=form), **NAMED)["day"].to_pylist()[1] == second


@pytest.mark.parametrize("cell", ["#N/A", "#N/A N/A", "None", "<NA>", "n/a"])
def test_what_spreadsheets_and_terminals_write_for_nothing_is_missing(tmp_path: Path, ingest: Any, cell: str) -> None:
    lines = ["day,x,v", "2020-01-01,1,2.5", f"2020-01-02,2,{cell}"]
    assert ingest(csv(tmp_path / "t.csv", lines), **NAMED)["v"].to_pylist() == [2.5, None]


def test_days_that_do_not_exist_and_other_forms_are_refused(tmp_path: Path, ingest: Any) -> None:
    cells = ["30/01/2016", "31/02/2016", "2016-03-01", "01/04/16", ""]
    source = csv(tmp_path / "t.csv", ["day,x", *(f"{cell},1" for cell in cells)], time_format="%d/%m/%Y")
    with pytest.raises(InputError) as caught:
        ingest(source, **NAMED)
    assert caught.value.problems == [
        "day: 3 rows that cannot be read as timestamp (%d/%m/%Y); first: row 2 ('31/02/2016'), row 3 ('2016-03-01'), "
        "row 4 ('01/04/16')",
        "day: 1 row without a value (20.00% of 5; at most 0.00% allowed); first: row 5 (missing)",
    ]


def test_a_date_column_of_a_catalog_takes_no_time_of_day() -> None:
    read, bad = Notation(time_format="%d/%m/%Y %H:%M").times(
        pa.array(["1/2/2020 00:00", "2/2/2020 09:30"]), pa.date32()
    )
    assert (read.to_pylist(), bad) == ([date(2020, 2, 1), None], [1])


def test_times_of_a_zone_are_in_utc() -> None:
    read, _ = Notation(time_format="%d/%m/%Y %H:%M %z").times(pa.array(["1/2/2020 01:00 +0200"]), pa.timestamp("us"))
    assert read.to_pylist() == [datetime(2020, 1, 31, 23)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["day,x", "12/01/2016,1"],
            r"first: row 1 \('12/01/2016'\); .* set source\.time_format, for example '%d/%m/%Y'",
        ),
        (["day,x", "20160112,1", "20160113,2"], r"written as 20010131, set source\.time_format: '%Y%m%d'"),
        (
            ["day,x", "2020-01-01,1.5", "2020-01-02,n.a."],
            r"\('n\.a\.'\); fix .* a missing value in source\.null_values",
        ),
        (["day,x", '2020-01-01,"1,5"'], r"\('1,5'\); fix the values, say how .* with source\.decimal and source\.thou"),
    ],
    ids=["days first", "digits", "no value", "decimal commas"],
)
def test_what_to_type_is_said(tmp_path: Path, ingest: Any, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ingest(csv(tmp_path / "t.csv", lines), **NAMED)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"decimal": ",", "thousands": ","}, "`decimal` and `thousands` are both ','"),
        ({"time_format": "%d/%m"}, "lacks the year, the month or the day"),
        ({"time_format": "DD/MM/YYYY"}, "lacks the year, the month or the day"),
        ({"time_format": "%d/%m/%Y %Q"}, "is no form of dates"),
    ],
    ids=["same mark", "no year", "other letters", "unknown letter"],
)
def test_a_notation_that_cannot_be_is_refused(keys: dict[str, str], message: str) -> None:
    source = {"kind": "csv", "path": "x.csv", **keys}
    with pytest.raises(InputError, match=message):
        IngestConfig.parse({"source": source, "time": "day", "target": "x"}, section="ingest")
