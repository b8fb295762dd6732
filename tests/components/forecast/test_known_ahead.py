"""Models that read given features past the origin: rows after the last target are the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.forecast import step
from components.forecast.config import ForecastConfig
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared, Table, TrainedModel, write_table
from components.shared.errors import InputError
from components.shared.files import new_folder, write_json
from components.shared.schema import Column, Role, Schema

ROWS, LOOKBACK, HORIZON = 260, 8, 3
SCHEMA = Schema(
    columns=(
        Column(name="day", dtype="date", role=Role.TIME),
        Column(name="price", dtype="float64", role=Role.TARGET),
        Column(name="volume", dtype="float64"),
        Column(name="holiday", dtype="float64", role=Role.KNOWN_AHEAD),
    )
)


def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {
        "day": np.busday_offset("2020-01-01", np.arange(ROWS), roll="forward"),
        "price": 50 + rng.normal(0, 0.5, ROWS).cumsum(),
        "volume": rng.normal(10, 2, ROWS),
        "holiday": (rng.random(ROWS) < 0.2).astype(float),
    }


def write(folder: Path, values: dict[str, np.ndarray]) -> Path:
    arrays = [pa.array(values[name], from_pandas=True) for name in SCHEMA.names]
    write_table(folder, SCHEMA, [pa.RecordBatch.from_arrays(arrays, names=SCHEMA.names)])
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prepared arrays, and a model of random, seeded weights that reads the holidays to come."""
    folder = tmp_path_factory.mktemp("ahead")
    write(folder / "table", columns())
    preprocess.run(PreprocessConfig(horizon=HORIZON, lookback=LOOKBACK), folder / "table", folder / "prepared")
    return folder / "prepared", write_model(folder / "model", folder / "prepared")


def write_model(path: Path, prepared: Path) -> Path:
    import keras

    keras.utils.set_random_seed(3)
    preprocessing = Prepared.open(prepared).preprocessing
    shapes = {"window": (LOOKBACK, len(preprocessing.features)), "ahead": (HORIZON, preprocessing.known)}
    inputs = [keras.Input(shape, name=name) for name, shape in shapes.items()]
    flat = keras.layers.Concatenate()([keras.layers.Flatten()(given) for given in inputs])
    network = keras.Model(inputs, keras.layers.Dense(1, name="forecast")(flat))
    with new_folder(path) as scratch:
        network.save(scratch / "model.keras")
        preprocessing.write(scratch / "preprocessing.json")
        given = {name: [None, *shape] for name, shape in shapes.items()}
        signature = {"kind": "itransformer", "inputs": given, "outputs": {"forecast": [None, 1]}}
        write_json(scratch / "signature.json", signature)
    return path


def forecast(tmp_path: Path, values: dict[str, np.ndarray], model: Path, **section: Any) -> dict[str, list[Any]]:
    write(tmp_path / "rows", values)
    config = ForecastConfig.parse({"intervals": [], **section}, section="forecast")
    step.run(config, tmp_path / "rows", model, tmp_path / "forecasts")
    return Table.open(tmp_path / "forecasts").read().to_pydict()


def with_future(rows: int = HORIZON) -> dict[str, np.ndarray]:
    """The table cut so that its last rows are the future: nothing but the day and the holiday is known of them."""
    values = columns()
    values["price"][ROWS - rows :] = np.nan
    values["volume"][ROWS - rows :] = np.nan
    return values


def test_rows_after_the_last_target_are_what_the_model_looks_ahead_at(
    tmp_path: Path, trained: tuple[Path, Path]
) -> None:
    prepared, model = Prepared.open(trained[0]), TrainedModel.open(trained[1])
    found = forecast(tmp_path, with_future(), trained[1])
    last = ROWS - HORIZON - 1
    expected = model.forecast(prepared, np.array([last - LOOKBACK + 1]))
    assert found["forecast"] == pytest.approx(expected.tolist(), rel=1e-5)
    assert [str(time)[:10] for time in found["time"]] == [str(columns()["day"][-1])]
    assert found["origin_value"] == [columns()["price"][last]]


def test_other_values_to_come_give_another_forecast(tmp_path: Path, trained: tuple[Path, Path]) -> None:
    plain = forecast(tmp_path / "plain", with_future(), trained[1])["forecast"]
    values = with_future()
    values["holiday"][-1] = 1 - values["holiday"][-1]
    assert forecast(tmp_path / "other", values, trained[1])["forecast"] != pytest.approx(plain, rel=1e-6)


def test_every_origin_with_its_rows_ahead_is_forecast_as_evaluate_does(
    tmp_path: Path, trained: tuple[Path, Path]
) -> None:
    prepared, model = Prepared.open(trained[0]), TrainedModel.open(trained[1])
    found = forecast(tmp_path, with_future(), trained[1], origins="all")
    starts = np.arange(ROWS - HORIZON - LOOKBACK + 1)
    assert found["forecast"] == pytest.approx(model.forecast(prepared, starts).tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (with_future(0), r"looks at holiday in the 3 rows after the last .* and 3 of them are missing: add them"),
        (with_future(2), r"and 1 of them are missing: add them, with the target left empty"),
        (with_future() | {"holiday": np.where(np.arange(ROWS) == ROWS - 2, np.nan, 1)}, "holiday is known ahead, but"),
        (with_future(ROWS), "0 rows with a target are too few"),
        (with_future(ROWS - 5), "5 rows with a target are too few"),
    ],
    ids=["no future", "too little", "a hole", "no target", "too short"],
)
def test_what_is_missing_of_the_future_is_said(
    tmp_path: Path, trained: tuple[Path, Path], values: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        forecast(tmp_path, values, trained[1])
