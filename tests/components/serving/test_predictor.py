"""Kinds of models: the compiled call answers what the model itself does, and every kind can be explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.serving.messages import Parameters
from components.serving.predictor import Predictor
from components.shared.artifacts import Prepared, TrainedModel


@pytest.mark.parametrize("kind", ["feedforward", "itransformer"])
def test_a_network_answers_and_explains_as_by_itself(
    prepared_folder: Path, network_folder: Callable[..., Path], instance_at: Callable[..., dict[str, Any]], kind: str
) -> None:
    starts = np.array([30, 200])
    model = TrainedModel.open(network_folder(kind))
    predictor = Predictor.load(model, kind)
    instances = predictor.reader.read([instance_at(start) for start in starts])
    described = predictor.describe(predictor.reader.inputs(instances))
    found = predictor.predictions(instances, described, Parameters())
    expected = model.forecast(Prepared.open(prepared_folder), starts)
    np.testing.assert_allclose([prediction["forecast"] for prediction in found], expected, rtol=1e-5)
    assert found[0]["quantiles"] == {}  # without residuals a point forecast has none, and says so by none
    for explained, prediction in zip(predictor.explanations(instances, 100), found, strict=True):
        total = sum(explained["attributions"].values()) + explained["base_value"] + explained["residual"]
        assert total == pytest.approx(explained["prediction"], abs=1e-5)
        # What is explained is the change; the forecast adds it to where the instance ends.
        origin = instances[found.index(prediction)].origin_value
        assert explained["prediction"] == pytest.approx(prediction["forecast"] - origin, abs=1e-3)
