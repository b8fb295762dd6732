from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.forecast import rows, step
from components.forecast.config import ForecastConfig
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared, Table, TrainedModel, write_table
from components.shared.errors import InputError, TandemError
from components.shared.files import read_json, write_json
from components.shared.preprocessing import FeatureScaling
from components.shared.schema import Column, Role, Schema
from components.train import step as train
from components.train.config import TrainConfig
from tests.components.forecast.conftest import HORIZON, LOOKBACK, ROWS, Market


def forecast(folder: Path, table: Path, model: Path, **config: Any) -> dict[str, Any]:
    step.run(ForecastConfig.parse(config), table, model, folder / "out", name="oil-1w/1")
    return Table.open(folder / "out").read().to_pydict()


def changed(market: Market, path: Path, change: Any) -> Path:
    """The market's table after ``change`` of its Arrow table."""
    table = change(Table.open(market.table).read())
    columns = [Column(name=name, dtype="timestamp" if name == "day" else "float64") for name in table.column_names]
    columns[0] = Column(name=columns[0].name, dtype=columns[0].dtype, role=Role.TIME)
    write_table(path, Schema(columns=tuple(columns)), table.to_batches())
    return path


def test_the_last_test_origin_gets_the_forecast_that_was_evaluated(market: Market, tmp_path: Path) -> None:
    evaluated = Table.open(market.forecasts).read().to_pydict()
    last = evaluated["row"][-1]
    known = changed(market, tmp_path / "table", lambda table: table.slice(0, last + 1))
    found = forecast(tmp_path, known, market.model)
    assert found["origin"] == [evaluated["origin"][-1]]
    assert found["forecast"][0] == pytest.approx(evaluated["feedforward"][-1], rel=1e-6)
    assert found["origin_value"] == [evaluated["origin_value"][-1]]


def test_every_test_origin_gets_the_forecast_that_was_evaluated(market: Market, tmp_path: Path) -> None:
    evaluated = Table.open(market.forecasts).read().to_pydict()
    found = forecast(tmp_path, market.table, market.model, origins="all")
    assert len(found["origin"]) == ROWS - LOOKBACK + 1
    places = [found["origin"].index(origin) for origin in evaluated["origin"]]
    np.testing.assert_allclose(np.array(found["forecast"])[places], evaluated["feedforward"], rtol=1e-6)
    assert [found["time"][place] for place in places] == evaluated["truth_time"]


def test_memory_is_bounded_by_a_block_and_blocks_change_nothing(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = forecast(tmp_path / "whole", market.table, market.model, origins="all")
    monkeypatch.setattr(rows, "BLOCK_BYTES", 8 * 3 * 7)  # seven rows, fewer than a window has
    monkeypatch.setattr(step, "WINDOWS_A_BLOCK", 4)
    blocks = forecast(tmp_path / "blocks", market.table, market.model, origins="all")
    np.testing.assert_allclose(blocks.pop("forecast"), whole.pop("forecast"), rtol=1e-6)
    for name in ("model", "origin", "origin_value", "time", "horizon"):
        assert blocks[name] == whole[name]


@pytest.mark.parametrize(("origins", "count"), [("last", 1), (3, 3), ("all", 391), (5000, 391)])
def test_origins_are_the_last_rows(origins: Any, count: int, market: Market, tmp_path: Path) -> None:
    found = forecast(tmp_path, market.table, market.model, origins=origins)
    assert len(found["origin"]) == count
    days = Table.open(market.table).read().to_pydict()["day"]
    assert [origin.date() for origin in found["origin"]] == days[-count:]


def test_the_future_is_dated_by_business_days(market: Market, tmp_path: Path) -> None:
    found = forecast(tmp_path, market.table, market.model)
    last = np.datetime64(found["origin"][0], "D")
    assert np.datetime64(found["time"][0], "D") == np.busday_offset(last, HORIZON)
    assert found["horizon"] == [HORIZON]
    assert found["model"] == ["oil-1w/1"]


@pytest.mark.parametrize("block_bytes", [rows.BLOCK_BYTES, 8 * 3 * 4], ids=["one block", "four rows a block"])
def test_holes_before_the_window_are_filled_as_in_training(
    block_bytes: int, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feature without a value in the whole window has its last known one, from rows before it, in whatever block."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", block_bytes)

    def without_volume(table: pa.Table) -> pa.Table:
        values = table["volume"].to_pylist()
        values[-LOOKBACK - 5 :] = [None] * (LOOKBACK + 5)
        return table.set_column(table.column_names.index("volume"), "volume", pa.array(values, pa.float64()))

    table = changed(market, tmp_path / "table", without_volume)
    preprocessing = Prepared.open(market.prepared).preprocessing
    position = preprocessing.feature_names.index("volume")
    last = list(rows.windows(Table.open(table), preprocessing, ROWS - 1))[-1].values[-1]
    raw = Table.open(market.table).read()["volume"].to_pylist()
    known = [value for value in raw[: ROWS - LOOKBACK - 5] if value is not None][-1]
    feature = preprocessing.features[position]
    np.testing.assert_allclose(last[:, position], (known - feature.center) / feature.scale, rtol=1e-6)


def test_everything_wrong_is_told_at_once(market: Market, tmp_path: Path) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        table = table.rename_columns(["day", "price", "volumes", "spread"])
        return pa.concat_tables([table.slice(380, 5), table.slice(396, 4)])

    table = changed(market, tmp_path / "table", spoil)
    with pytest.raises(InputError) as caught:
        forecast(tmp_path, table, market.model, intervals=[0.8, 0.999])
    problems = "\n".join(caught.value.problems)
    for expected in (
        "column volume is missing; is it the one called volumes?",
        "unknown columns, which the model's table did not have: volumes",
        "widest interval is 0.99; got 0.999",
        "9 rows are too few: the model looks at 10",
        "rows are missing (business days): 11 rows between 2021-06-22 and 2021-07-08",
    ):
        assert expected in problems
    assert len(caught.value.problems) == 5
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "allowed"), [({}, False), ({"on_extra": "ignore"}, True)], ids=["refused", "ignored"]
)
def test_unknown_columns_are_refused_unless_ignored(
    config: dict[str, Any], allowed: bool, market: Market, tmp_path: Path
) -> None:
    table = changed(market, tmp_path / "table", lambda t: t.append_column("weather", t["spread"]))
    if allowed:
        assert len(forecast(tmp_path, table, market.model, **config)["forecast"]) == 1
    else:
        with pytest.raises(InputError, match="weather"):
            forecast(tmp_path, table, market.model, **config)


def test_a_gap_outside_of_what_is_looked_at_is_no_problem(market: Market, tmp_path: Path) -> None:
    table = changed(market, tmp_path / "table", lambda t: pa.concat_tables([t.slice(0, 300), t.slice(340)]))
    assert len(forecast(tmp_path / "last", table, market.model)["forecast"]) == 1
    with pytest.raises(InputError, match="40 rows between"):
        forecast(tmp_path / "all", table, market.model, origins="all")
    assert len(forecast(tmp_path / "wide", table, market.model, origins="all", largest_gap=40)["forecast"]) == 351


@pytest.mark.parametrize("price", [None, 0.0, -3.0], ids=["missing", "zero", "negative"])
def test_an_origin_needs_a_target(price: float | None, market: Market, tmp_path: Path) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        values = [*table["price"].to_pylist()[:-1], price]
        return table.set_column(1, "price", pa.array(values, pa.float64()))

    table = changed(market, tmp_path / "table", spoil)
    with pytest.raises(InputError, match=r"target price is missing, zero or negative in 1 row: row 399 \(2021-07-13\)"):
        forecast(tmp_path, table, market.model)


def test_rows_out_of_order_are_refused(market: Market, tmp_path: Path) -> None:
    order = [*range(200), 210, *range(200, 210), *range(211, 400)]
    table = changed(market, tmp_path / "table", lambda t: t.take(order))
    with pytest.raises(InputError, match=r"times must increase from row to row, but do not in 1 row: row 201"):
        forecast(tmp_path, table, market.model)


def test_an_infinite_feature_is_refused_and_nothing_is_written(market: Market, tmp_path: Path) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        values = table["spread"].to_pylist()
        values[-2] = float("inf")
        return table.set_column(3, "spread", pa.array(values))

    table = changed(market, tmp_path / "table", spoil)
    with pytest.raises(InputError, match="column spread has 1 values that are infinite or too large, first in row 398"):
        forecast(tmp_path, table, market.model)
    assert not (tmp_path / "out").exists()


def test_a_diverged_model_fails(market: Market, tmp_path: Path) -> None:
    import keras

    model = shutil.copytree(market.model, tmp_path / "model")
    network = keras.saving.load_model(model / "model.keras")
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    network.save(model / "model.keras")
    with pytest.raises(TandemError, match="NaN or infinity") as caught:
        forecast(tmp_path, market.table, model)
    assert caught.value.exit_code == 1


def test_point_intervals_are_the_residuals_around_the_forecast(market: Market, tmp_path: Path) -> None:
    found = forecast(tmp_path, market.table, market.model, intervals=[0.5])
    model = TrainedModel.open(market.model)
    target = model.preprocessing.target
    origin = np.array(found["origin_value"])
    label = target.label(np.array(found["forecast"]), origin)
    # Residuals run evenly from -2 at 0.5 % to 1 at 99.5 %.
    low, high = (-2 + 3 * (level - 0.005) / 0.99 for level in (0.25, 0.75))
    np.testing.assert_allclose(found["lower_50"], target.invert(label + low, origin), rtol=1e-9)
    np.testing.assert_allclose(found["upper_50"], target.invert(label + high, origin), rtol=1e-9)
    assert found["interval_method"] == ["residuals"]


def with_manifest(market: Market, folder: Path, **changes: Any) -> Path:
    """A copy of the model whose preprocessing says otherwise."""
    model = TrainedModel.open(market.model)
    shutil.copytree(market.model, folder)
    model.preprocessing.model_copy(update=changes).write(folder / "preprocessing.json")
    return folder


def test_calendar_features_are_computed_from_the_times(market: Market, tmp_path: Path) -> None:
    """The last feature as day of the week, which no column of the rows holds."""
    fitted = TrainedModel.open(market.model).preprocessing
    week = FeatureScaling(name="calendar_day_of_week", fill=0.0, center=0.0, scale=1.0)
    model = with_manifest(
        market, tmp_path / "model", features=(*fitted.features[:-1], week), known=1, calendar=(week.name,)
    )
    table = changed(market, tmp_path / "table", lambda t: t.drop_columns([fitted.features[-1].name]))
    preprocessing = TrainedModel.open(model).preprocessing
    found = list(rows.windows(Table.open(table), preprocessing, ROWS - 3))[-1].values[-1]
    weekdays = [day.weekday() for day in Table.open(table).read().to_pydict()["day"][-LOOKBACK:]]
    np.testing.assert_allclose(found[:, -1], np.array(weekdays) / 6 - 0.5, atol=1e-6)
    assert len(forecast(tmp_path, table, model)["forecast"]) == 1


def test_one_entity_of_a_panel_is_forecast_and_several_are_refused(market: Market, tmp_path: Path) -> None:
    model = with_manifest(market, tmp_path / "model", entity="symbol")
    columns = [*Table.open(market.table).schema.columns, Column(name="symbol", dtype="string", role=Role.ENTITY)]
    for name, symbols in (("one", ["BO"] * ROWS), ("two", ["BO"] * 200 + ["SM"] * 200)):
        table = Table.open(market.table).read().append_column("symbol", pa.array(symbols))
        write_table(tmp_path / f"table-{name}", Schema(columns=tuple(columns)), table.to_batches())
    found = forecast(tmp_path / "one", tmp_path / "table-one", model)
    plain = forecast(tmp_path / "plain", market.table, market.model)
    assert found["forecast"] == pytest.approx(plain["forecast"], rel=1e-6)
    with pytest.raises(InputError, match=r"the rows are of 2 entities \(BO, SM\): forecast one at a time") as caught:
        forecast(tmp_path / "two", tmp_path / "table-two", model)
    assert len(caught.value.problems) == 1, "what is said of mixed rows is true of none of the series"


@pytest.fixture(scope="module")
def paths(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """The market prepared for paths with features of the calendar, and a model trained to continue them."""
    folder = tmp_path_factory.mktemp("paths")
    made = replace(market, prepared=folder / "prepared", model=folder / "model", forecasts=folder / "forecasts")
    section = {
        "horizon": HORIZON, "lookback": LOOKBACK, "predict": "target_path", "calendar": ["day_of_week", "month"],
    }  # fmt: skip
    preprocess.run(PreprocessConfig.parse(section), made.table, made.prepared)
    net = {"kind": "itransformer", "d_model": 8, "heads": 2, "layers": 1, "covariates": "ahead"}
    config = TrainConfig.parse({"model": net, "epochs": 1, "batch_size": 128})
    train.run(config, str(made.prepared), str(made.model), str(folder / "curves.html"), device="cpu")
    return made


@pytest.mark.slow
def test_a_model_of_paths_with_a_calendar_ahead_is_forecast_as_evaluate_does(paths: Market, tmp_path: Path) -> None:
    prepared, model = Prepared.open(paths.prepared), TrainedModel.open(paths.model)
    assert model.input_names == ["window", "ahead"]
    starts = np.asarray(prepared.starts("test"))
    expected = model.forecast(prepared, starts)
    found = forecast(tmp_path / "all", paths.table, paths.model, origins="all")
    np.testing.assert_allclose(
        np.array(found["forecast"])[prepared.origins(starts) - LOOKBACK + 1], expected, rtol=1e-6
    )
    # From the last test origin alone, the days ahead are told by the calendar rather than read from rows.
    last = int(prepared.origins(starts)[-1])
    known = changed(paths, tmp_path / "table", lambda table: table.slice(0, last + 1))
    alone = forecast(tmp_path / "alone", known, paths.model)
    assert alone["forecast"][0] == pytest.approx(expected[-1], rel=1e-6)
    assert alone["lower_80"][0] < alone["upper_80"][0]


def test_a_feature_known_ahead_without_rows_to_come_is_refused(market: Market, tmp_path: Path) -> None:
    model = with_manifest(market, tmp_path / "model", known=1)
    signature = read_json(model / "signature.json")
    write_json(model / "signature.json", signature | {"inputs": {**signature["inputs"], "ahead": [None, HORIZON, 1]}})
    with pytest.raises(InputError, match=r"looks at spread in the 5 rows after the last .* with the target left empty"):
        forecast(tmp_path, market.table, model)
