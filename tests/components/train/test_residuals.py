from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.forecast.intervals import Bands
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.files import read_json
from components.train import models, residuals
from components.train.losses import SquaredError
from components.train.models.kind import WindowShape
from components.train.source import WindowSource


def test_errors_are_label_less_forecast_of_the_validation_windows(prepared_folder: Path, model_folder: Path) -> None:
    prepared, model = Prepared.open(prepared_folder), TrainedModel.open(model_folder)
    errors = residuals.validation_errors(model.keras, WindowSource.of(prepared, SquaredError(kind="mse")), point=0)
    starts = np.asarray(prepared.starts("validation"))
    expected = prepared.labels[prepared.origins(starts)] - model.predict(prepared.windows(starts))
    np.testing.assert_allclose(errors, expected, atol=1e-6)


def test_quantiles_of_errors_are_kept_at_every_half_percent(tmp_path: Path) -> None:
    errors = np.random.default_rng(0).normal(size=999)
    residuals.write(tmp_path, errors)
    content = read_json(tmp_path / residuals.NAME)
    assert (len(content["levels"]), content["levels"][0], content["levels"][-1]) == (199, 0.005, 0.995)
    assert content["quantiles"][99] == np.median(errors)
    assert content["windows"] == 999
    assert content["quantiles"] == sorted(content["quantiles"])


@pytest.mark.parametrize(
    ("distribution", "parameters"),
    [
        ({"kind": "gaussian", "point": 0}, 2),
        ({"kind": "quantile", "levels": [0.1, 0.5, 0.9], "point": 1}, 3),
    ],
    ids=["gaussian", "quantile"],
)
def test_intervals_moved_by_their_bounds_hold_their_share_of_validation_outcomes(
    label_source: Callable[..., WindowSource], distribution: dict[str, Any], parameters: int
) -> None:
    source = label_source(parameters=parameters)
    shape = WindowShape(12, 4, parameters=parameters, distribution=distribution["kind"])
    keras.utils.set_random_seed(2)
    model = models.build(models.REGISTRY["feedforward"].config(kind="feedforward", units=(4,)), shape)
    bounds = residuals.interval_bounds(model, source, distribution)
    described, labels = residuals.on_validation(model, source)
    bands = Bands(distribution["kind"], (0.5, 0.8), tuple(distribution.get("levels", ())), bounds=tuple(bounds))
    for share, (lower, upper) in bands.around(described, distribution["point"]).items():
        held = (labels[:, 0] >= lower - 1e-9) & (labels[:, 0] <= upper + 1e-9)
        assert held.sum() == math.ceil((len(labels) + 1) * share), "one window more than the share of those seen"


def test_a_model_that_forecasts_one_number_has_no_bounds(
    label_source: Callable[..., WindowSource], model_folder: Path
) -> None:
    model = TrainedModel.open(model_folder).keras
    assert residuals.interval_bounds(model, label_source(), {"kind": "point", "point": 0}) == []
