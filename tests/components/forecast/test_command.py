"""The command as it is typed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from components.forecast.__main__ import main
from components.shared.artifacts import Table, TrainedModel
from components.shared.errors import InputError
from tests.components.forecast.conftest import Market


def command(*options: str) -> str:
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def lines_of(market: Market) -> list[str]:
    return market.csv.read_text().splitlines()


def test_a_file_of_rows_becomes_a_file_of_forecasts(market: Market, tmp_path: Path) -> None:
    out = tmp_path / "forecasts.csv"
    said = command("--model", str(market.model), "--rows", str(market.csv), "--out", str(out), "--origins", "3")
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    assert list(rows[0]) == [
        "model", "origin", "origin_value", "time", "horizon", "forecast",
        "lower_80", "upper_80", "lower_90", "upper_90", "interval_method",
    ]  # fmt: skip
    last = rows[-1]
    assert float(last["lower_90"]) < float(last["lower_80"]) < float(last["upper_80"]) < float(last["upper_90"])
    assert "3 forecast(s), 5 rows ahead (business_days)" in said
    assert f"written to {out}" in said


def test_csv_and_parquet_rows_give_the_same_forecasts(market: Market, tmp_path: Path) -> None:
    table = Table.open(market.table).read()
    pq.write_table(table, tmp_path / "rows.parquet")
    found = []
    for name, rows in (("a", market.csv), ("b", tmp_path / "rows.parquet")):
        out = tmp_path / f"{name}.parquet"
        command("--model", str(market.model), "--rows", str(rows), "--out", str(out), "--origins", "all")
        found.append(pq.read_table(out))
    assert found[0].equals(found[1])
    assert found[0].num_rows == 391
    assert found[0].schema.field("time").type == pa.timestamp("us")


def test_row_numbers_without_a_name_are_left_out(market: Market, tmp_path: Path) -> None:
    header, *rows = lines_of(market)
    numbered = [f",{header}", *(f"{number},{row}" for number, row in enumerate(rows))]
    (tmp_path / "rows.csv").write_text("\n".join(numbered) + "\n")
    said = command("--model", str(market.model), "--rows", str(tmp_path / "rows.csv"))
    assert said == command("--model", str(market.model), "--rows", str(market.csv))


@pytest.fixture
def panel(market: Market, tmp_path: Path) -> tuple[Path, Path]:
    """A model that tells series apart by ``symbol``, and a file of two of them, one day after another."""
    model = tmp_path / "model"
    shutil.copytree(market.model, model)
    TrainedModel.open(market.model).preprocessing.model_copy(update={"entity": "symbol"}).write(
        model / "preprocessing.json"
    )
    header, *rows = lines_of(market)
    lines = [line for row in rows for line in (f"{row},SM", f"{row},BO")]
    (tmp_path / "panel.csv").write_text("\n".join([f"{header},symbol", *lines]) + "\n")
    return model, tmp_path / "panel.csv"


def test_one_series_of_a_file_is_forecast_as_if_it_were_alone(market: Market, panel: tuple[Path, Path]) -> None:
    model, rows = panel
    alone = command("--model", str(market.model), "--rows", str(market.csv))
    said = command("--model", str(model), "--rows", str(rows), "--entity", "BO")
    assert said.splitlines()[2:] == alone.splitlines()[2:]


def test_a_series_must_be_chosen_and_exist(market: Market, panel: tuple[Path, Path]) -> None:
    model, rows = map(str, panel)
    several = refused("--model", model, "--rows", rows)
    assert f"{rows} cannot be forecast by" in several
    assert "with --entity BO" in several
    assert "the table has no rows" in refused("--model", model, "--rows", rows, "--entity", "XY")
    assert "leave it out" in refused("--model", str(market.model), "--rows", str(market.csv), "--entity", "BO")


def refused(*options: str) -> str:
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(main, options, catch_exceptions=False)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_missing_and_unknown_columns_and_too_few_rows_are_told_together(market: Market, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(["day,price,volumes,spread", *lines_of(market)[-4:]]) + "\n")
    said = refused("--model", str(market.model), "--rows", str(rows), "--out", str(tmp_path / "o.csv"))
    assert "column volume is missing; is it the one called volumes?" in said
    assert "unknown columns" in said
    assert "4 rows are too few" in said
    assert not (tmp_path / "o.csv").exists()


def test_rows_without_a_time_say_all_that_the_header_tells(market: Market, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("date,price,volume\n2020-01-01,1,2\n")
    said = refused("--model", str(market.model), "--rows", str(rows))
    assert "column day is missing" in said
    assert "column spread is missing" in said
    assert "unknown columns, which the model's table did not have: date" in said


def test_a_cell_that_is_no_number_is_named(market: Market, tmp_path: Path) -> None:
    lines = lines_of(market)
    lines[-1] = lines[-1].replace(lines[-1].split(",")[3], "n.a.?")
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(lines) + "\n")
    assert "n.a.?" in refused("--model", str(market.model), "--rows", str(rows))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--intervals", "80"), "forecast.intervals"),
        (("--intervals", "a"), "expected shares such as 0.8,0.9"),
        (("--origins", "some"), "forecast.origins"),
        (("--table", "prices"), "expected project.dataset.table"),
        (("--out", "x.xlsx"), "expected a file that ends in .csv"),
    ],
    ids=["interval", "no number", "origins", "table", "form"],
)
def test_a_mistyped_option_is_refused(options: tuple[str, ...], expected: str, market: Market) -> None:
    assert expected in refused("--model", str(market.model), "--rows", str(market.csv), *options)
