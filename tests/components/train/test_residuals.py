from __future__ import annotations

from pathlib import Path

import numpy as np

from components.shared.artifacts import Prepared, TrainedModel
from components.shared.files import read_json
from components.train import residuals
from components.train.losses import SquaredError
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
