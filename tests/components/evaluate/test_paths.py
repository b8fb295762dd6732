"""Models that forecast every row to the horizon, prepared, trained, scored and explained by the stages themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate import step
from components.evaluate.config import EvaluateConfig
from components.explain import step as explain
from components.explain.config import ExplainConfig
from components.explain.explanation import Explanation
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.register import export
from components.shared.artifacts import Prepared, Table, TrainedModel, write_table
from components.shared.errors import InputError
from components.shared.files import read_json
from components.shared.schema import Column, Role, Schema
from components.train import step as train
from components.train.config import TrainConfig

STEPS, LOOKBACK = 5, 12
LINEAR: dict[str, Any] = {"kind": "linear", "cycle": True, "penalty": 10.0}
ATTENTION: dict[str, Any] = {"kind": "itransformer", "d_model": 16, "heads": 2, "layers": 1, "covariates": "ahead"}
PAST: dict[str, Any] = {**ATTENTION, "covariates": "past"}
QUANTILES: dict[str, Any] = {"kind": "quantile", "levels": [0.1, 0.5, 0.9]}


def make(folder: Path, predict: str, model: dict[str, Any], loss: Any = "mse", **changes: Any) -> tuple[Path, Path]:
    """Prepare a table of two series of rain and price, and train a model on it."""
    rng = np.random.default_rng(2)
    rows = 220
    names = np.repeat(["A", "B"], rows)
    days = np.tile(np.datetime64("2020-01-01") + np.arange(rows), 2)
    weekday = (days.astype(int) + 3) % 7
    price = np.concatenate([50 + rng.normal(0, 0.5, rows).cumsum() for _ in "AB"]) + np.sin(weekday)
    columns = (
        Column(name="mill", dtype="string", role=Role.ENTITY),
        Column(name="day", dtype="date", role=Role.TIME),
        Column(name="price", dtype="float64", role=Role.TARGET),
        Column(name="rain", dtype="float64"),
    )
    schema = Schema(columns=columns)
    arrays = [pa.array(column) for column in (names, days, price, rng.gamma(2, 10, 2 * rows))]
    write_table(folder / "table", schema, [pa.RecordBatch.from_arrays(arrays, names=schema.names)])
    settings = {"lookback": LOOKBACK, "horizon": STEPS, "calendar": ["day_of_week"], **changes}
    config = PreprocessConfig.parse({**settings, "predict": predict})
    preprocess.run(config, folder / "table", folder / "prepared")
    training = TrainConfig.parse({"model": model, "loss": loss, "epochs": 1, "xla": False, "precision": "float32"})
    train.run(training, str(folder / "prepared"), str(folder / "model"), str(folder / "curves"), device="cpu")
    return folder / "prepared", folder / "model"


CASES = {
    "target-linear": ("target_path", LINEAR, "mse"),
    "all-attention": ("all_paths", ATTENTION, "mse"),
    "target-quantiles": ("target_path", PAST, QUANTILES),
}


@pytest.fixture(scope="module", params=list(CASES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make(tmp_path_factory.mktemp(request.param), *CASES[request.param])


@pytest.fixture(scope="module")
def evaluated(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    paths = {f"{name}_path": folder / name for name in ("metrics", "forecasts", "report")}
    step.run(EvaluateConfig(season=7), *made, **paths)
    return folder


def test_the_signature_says_what_goes_in_and_comes_out(made: tuple[Path, Path]) -> None:
    model = TrainedModel.open(made[1])
    channels = 2 if model.preprocessing.predict == "all_paths" else 1
    described = [] if model.point == 0 else [3]
    assert model.signature["outputs"] == {"forecast": [None, STEPS, channels, *described]}
    takes_ahead = model.point == 0
    assert model.signature["inputs"] == {
        "window": [None, LOOKBACK, 3],
        **({"ahead": [None, STEPS, 1]} if takes_ahead else {}),
    }
    assert model.input_names == list(model.signature["inputs"])


def test_the_forecast_is_the_last_step_of_the_targets_path_in_its_units(made: tuple[Path, Path]) -> None:
    prepared, model = Prepared.open(made[0]), TrainedModel.open(made[1])
    starts = np.asarray(prepared.starts("test"))
    inputs = prepared.inputs(starts, model.input_names)
    raw = np.asarray(model.keras(inputs if len(inputs) > 1 else inputs["window"]))
    price = prepared.preprocessing.features[0]
    own = (raw[:, :, 0] if raw.ndim == 3 else raw[:, :, 0, model.point]).astype(float) * price.scale + price.center
    path = model.forecast_path(prepared, starts)
    assert path.shape == (len(starts), STEPS)
    np.testing.assert_allclose(path, own, rtol=1e-5)
    np.testing.assert_allclose(model.forecast(prepared, starts), path[:, -1], rtol=1e-5)
    truth = prepared.targets[prepared.origins(starts) + STEPS]
    np.testing.assert_allclose(prepared.preprocessing.invert(prepared.outcomes(starts), truth), truth, rtol=1e-5)


def test_every_step_has_its_row(made: tuple[Path, Path], evaluated: Path) -> None:
    prepared = Prepared.open(made[0])
    table = Table.open(evaluated / "forecasts")
    assert table.schema.names[:5] == ["entity", "origin", "row", "step", "truth_time"]
    frame = table.read().to_pandas()
    assert len(frame) == STEPS * len(prepared.starts("test"))
    about = (frame["row"] + frame["step"]).to_numpy()
    np.testing.assert_array_equal(frame["truth"], prepared.targets[about])
    np.testing.assert_array_equal(frame["truth_time"].to_numpy("datetime64[us]"), prepared.times[about])
    np.testing.assert_array_equal(frame["random_walk"], frame["origin_value"])


def test_the_last_steps_scores_are_those_of_the_table(evaluated: Path) -> None:
    content = read_json(evaluated / "metrics" / "metrics.json")
    frame = Table.open(evaluated / "forecasts").read().to_pandas()
    for name in (content["model"], "random_walk", "seasonal_naive", "ridge"):
        steps = content["steps"][name]
        assert [len(steps[metric]) for metric in ("mae", "rmse", "mape")] == [STEPS] * 3
        for metric in steps:
            assert steps[metric][-1] == pytest.approx(content["table"][name][metric], rel=1e-6)
        first = frame[frame["step"] == 1]
        assert steps["mae"][0] == pytest.approx((first[name] - first["truth"]).abs().mean())
    assert content["steps"]["random_walk"]["mae"][0] < content["steps"]["random_walk"]["mae"][-1]


def test_every_step_of_a_path_is_explained_with_what_is_known_ahead(made: tuple[Path, Path], tmp_path: Path) -> None:
    config = ExplainConfig.parse({"samples": 4, "baselines": 3, "max_residual": 0.05, "steps": "all"})
    paths = {"explanations_path": tmp_path / "explanations", "report_path": tmp_path / "report"}
    assert explain.run(config, *made, **paths)["samples"] == 4
    found, prepared, model = (
        Explanation.open(tmp_path / "explanations"),
        Prepared.open(made[0]),
        TrainedModel.open(made[1]),
    )
    ahead = STEPS if "ahead" in model.input_names else 0
    assert found.attributions.shape == (4, LOOKBACK + ahead, 3, STEPS)
    assert (found.steps, found.rows[-1]) == ((1, 2, 3, 4, 5), ahead)
    assert set(found.entities) == {"A", "B"}
    path = model.forecast_path(prepared, np.asarray(found.starts))
    np.testing.assert_allclose(found.predictions, path, rtol=1e-5)
    if ahead:
        assert np.abs(found.attributions[:, LOOKBACK:, 2]).max() > 0
        assert np.abs(found.attributions[:, LOOKBACK:, :2]).max() == 0
    page = (tmp_path / "report").read_text()
    assert "Near and far horizons" in page
    assert "Series by series" in page


def test_what_is_known_ahead_reaches_the_forecast(made: tuple[Path, Path]) -> None:
    prepared, model = Prepared.open(made[0]), TrainedModel.open(made[1])
    inputs = prepared.inputs(np.asarray(prepared.starts("test"))[:4], ["window", "ahead"])
    plain = model.predict(inputs)
    moved = model.predict({**inputs, "ahead": inputs["ahead"] + 1})
    assert np.allclose(plain, moved) == (model.input_names == ["window"])
    if model.input_names != ["window"]:
        with pytest.raises(InputError, match="also takes ahead"):
            model.predict(inputs["window"])


def test_a_path_is_exported_as_its_last_step(made: tuple[Path, Path], tmp_path: Path) -> None:
    prepared, model = Prepared.open(made[0]), TrainedModel.open(made[1])
    assert export.export(model, prepared, tmp_path / "exported", tolerance=1e-4) <= 1e-4
    manifest = read_json(tmp_path / "exported" / "manifest.json")
    assert {name: given["shape"] for name, given in manifest["inputs"].items()} == model.signature["inputs"]


def test_the_financial_loss_is_refused_for_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"preprocess\.predict is target_path"):
        make(tmp_path, "target_path", LINEAR, "financial")


def test_a_label_can_be_forecast_from_what_is_known_ahead(tmp_path: Path) -> None:
    prepared, model = make(tmp_path, "label", ATTENTION)
    paths = {f"{name}_path": tmp_path / name for name in ("metrics", "forecasts", "report")}
    step.run(EvaluateConfig(season=7), prepared, model, **paths)
    assert TrainedModel.open(model).input_names == ["window", "ahead"]
    assert "steps" not in read_json(tmp_path / "metrics" / "metrics.json")
