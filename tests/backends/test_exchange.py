"""A model trained on one backend forecasts the same on TensorFlow, where exports are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.train.models import REGISTRY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # one test trains all models of a backend
NETWORKS = [kind for kind, registered in REGISTRY.items() if registered.build is not None]
SHAPES = ("label", "panel", "known-ahead", "quantiles")
BACKENDS = ("torch", "jax")


@pytest.fixture(scope="session", params=BACKENDS)
def trained(
    request: pytest.FixtureRequest, run_under: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """Every model trained once under a backend: the folder, and what became of each case."""
    folder = tmp_path_factory.mktemp(request.param)
    return folder, run_under(request.param, "train_models.py", folder)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_keras_file_of_another_backend_forecasts_the_same_on_tensorflow(
    trained: tuple[Path, dict[str, str]], kind: str, shape: str
) -> None:
    import keras

    import components.shared.layers  # noqa: F401  (registers the layers a file may hold)

    folder, outcomes = trained
    outcome = outcomes[f"{kind}-{shape}"]
    if outcome.startswith("refused"):
        pytest.skip(outcome)
    assert outcome == "trained"
    case = folder / f"{kind}-{shape}"
    model = keras.saving.load_model(case / "model.keras", compile=False)
    with np.load(case / "inputs.npz") as arrays:
        inputs = [arrays[tensor.name] for tensor in model.inputs]
    here = model.predict(inputs[0] if len(inputs) == 1 else inputs, verbose=0)
    there = np.load(case / "forecast.npy")
    assert here.shape == there.shape
    assert np.abs(here - there).max() <= 1e-5


@pytest.mark.parametrize("kind", NETWORKS)
def test_no_model_refuses_every_shape(trained: tuple[Path, dict[str, str]], kind: str) -> None:
    _, outcomes = trained
    assert "trained" in [outcomes[f"{kind}-{shape}"] for shape in SHAPES]
