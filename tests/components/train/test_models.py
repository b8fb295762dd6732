from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter

from components.train import archive, models
from components.train.models import closed_form
from components.train.source import WindowSource
from components.train.stepping import fed

Make = Callable[..., WindowSource]

NETS = [kind for kind, offered in models.REGISTRY.items() if offered.build is not None]
SETTINGS: dict[str, dict[str, Any]] = {
    "itransformer": {"d_model": 16, "heads": 2, "layers": 1, "skip": "linear", "cycle": True},
    "linear": {"cycle": True},
    "lstm": {"units": [6]},
    "gru": {"units": [6]},
}


def build(kind: str, source: WindowSource, **changes: Any) -> tuple[keras.Model, Any]:
    settings = {"kind": kind, **SETTINGS.get(kind, {}), **changes}
    config = TypeAdapter(models.ModelConfig).validate_python(settings)
    keras.utils.set_random_seed(0)
    return models.build(config, source.shape), config


def answer(model: keras.Model, source: WindowSource) -> np.ndarray:
    inputs, _ = source.host_batch(np.arange(6))
    return np.asarray(model(fed(model, inputs), training=False))


@pytest.mark.parametrize("parameters", [1, 2, 5], ids=["point", "gaussian", "quantile"])
@pytest.mark.parametrize("source_of", ["label_source", "path_source"])
@pytest.mark.parametrize("kind", NETS)
def test_every_model_gives_the_shape_it_is_asked_for_and_survives_its_file(
    kind: str, source_of: str, parameters: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(source_of)(parameters=parameters)
    model, _ = build(kind, source)
    expected = answer(model, source)
    assert expected.shape == (6, *source.shape.output)
    if parameters == 2:
        assert (expected[..., 1] > 0).all(), "a standard deviation is positive"
    if parameters == 5:
        assert (np.diff(expected, axis=-1) >= 0).all(), "quantiles do not cross"
    archive.save(model, tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(answer(loaded, source), expected)


@pytest.mark.parametrize("kind", NETS)
def test_equal_models_are_equal_files(kind: str, tmp_path: Path, path_source: Make) -> None:
    for name in ("first", "second"):
        archive.save(build(kind, path_source())[0], tmp_path / f"{name}.keras")
    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.keras") as file:  # a date would make files of one second equal, too
        assert set(json.loads(file.read("metadata.json"))) == {"keras_version"}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("kind", NETS)
def test_a_model_of_the_window_alone_takes_an_array(kind: str, label_source: Make) -> None:
    source = label_source()
    model, _ = build(kind, source, **({"cycle": False} if "cycle" in SETTINGS.get(kind, {}) else {}))
    assert [tensor.name for tensor in model.inputs] == ["window"]
    assert np.isfinite(answer(model, source)).all()


def test_known_covariates_past_the_origin_reach_the_tokens(path_source: Make) -> None:
    source = path_source()
    for covariates, reaches in (("past", False), ("ahead", True)):
        model, _ = build("itransformer", source, cycle=False, skip="none", covariates=covariates)
        assert ("ahead" in [tensor.name for tensor in model.inputs]) is reaches


def test_a_forecast_moves_with_its_window(path_source: Make) -> None:
    """Window normalisation: a window lifted by a constant gives a forecast lifted by the same."""
    source = path_source(known=0)
    model, _ = build("itransformer", source, cycle=False, skip="none")
    window = source.host_batch(np.arange(4))[0]["window"]
    np.testing.assert_allclose(model(window + 7), np.asarray(model(window)) + 7, atol=1e-4)


def test_the_skip_starts_from_the_closed_form_and_attention_from_zero(path_source: Make) -> None:
    source = path_source()
    model, config = build("itransformer", source)
    models.initialise(model, config, source)
    inputs, truth = source.host_batch(np.asarray(source.starts["validation"]))
    error = np.abs(np.asarray(model(inputs)) - truth).mean()
    last = np.abs(inputs["window"][:, -1:, :3] - truth).mean()
    assert error < 0.2 * last, "waves and indicators are linear: a line finds them without a step of training"
    assert not np.any(model.get_layer("head").kernel)


def test_averaging_gives_the_mean_of_the_two_forecasts(path_source: Make) -> None:
    source = path_source()
    model, config = build("itransformer", source, penalty=10.0)
    models.initialise(model, config, source)
    line = answer(model, source)
    rng = np.random.default_rng(1)
    for name in ("skip", "head"):
        layer = model.get_layer(name)
        layer.kernel.assign(layer.kernel + rng.normal(0, 0.05, layer.kernel.shape))
    trained = answer(model, source)
    models.finish(model, config, source)
    np.testing.assert_allclose(answer(model, source), (line + trained) / 2, atol=1e-4)


def test_the_effect_of_known_covariates_is_found(path_source: Make) -> None:
    rng = np.random.default_rng(0)
    rows, effect = 600, np.array([[2.0, -1.0], [0.5, 3.0]])
    covariates = rng.integers(0, 2, (rows, 2))
    values = rng.normal(0, 0.01, (rows, 2)).cumsum(axis=0) + covariates @ effect
    base = path_source(channels=2)
    features = np.concatenate([values, covariates], axis=1).astype(np.float32)
    source = WindowSource(features, base.labels, {"train": np.arange(500)}, base.shape)
    np.testing.assert_allclose(closed_form.known_effect(source), effect, atol=0.05)


def test_a_level_that_drifts_with_a_covariate_is_no_effect_of_it(path_source: Make) -> None:
    """Within a window neither moves with the other; over all of them both are high together."""
    rng = np.random.default_rng(0)
    rows, effect = 600, np.array([[2.0, -1.0], [0.5, 3.0]])
    covariates = rng.integers(0, 2, (rows, 2)) + (np.arange(rows) >= 300)[:, None]
    values = 50.0 * (np.arange(rows) >= 300)[:, None] + covariates @ effect
    base = path_source(channels=2)
    features = np.concatenate([values, covariates], axis=1).astype(np.float32)
    # No window lies across the step.
    starts = np.concatenate([np.arange(300 - base.shape.lookback), np.arange(300, 580)])
    source = WindowSource(features, base.labels, {"train": starts}, base.shape)
    np.testing.assert_allclose(closed_form.known_effect(source), effect, atol=0.05)


@pytest.mark.parametrize("walk", [True, False], ids=["random-walk", "waves"])
def test_the_last_value_is_kept_where_a_line_is_no_better(walk: bool, path_source: Make) -> None:
    source = path_source(rows=900, known=0)
    if walk:
        steps = np.random.default_rng(2).normal(size=source.features.shape)
        features = steps.cumsum(axis=0).astype(np.float32)
        source = WindowSource(features, source.labels, source.starts, source.shape)
    model, config = build("linear", source, cycle=False)
    models.initialise(model, config, source)
    assert bool(np.any(model.get_layer("skip").kernel)) is not walk
