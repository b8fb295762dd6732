"""Thinned networks against Keras's own dropout, and what makes their forecasts comparable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.shared import monte_carlo
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError
from components.shared.files import read_json, write_json
from components.shared.monte_carlo import MonteCarlo
from components.shared.thinning import MaskShape, draw_masks
from components.train.models import REGISTRY, build
from components.train.models.kind import WindowShape

Write = Callable[..., Path]

KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"units": (8, 4), "dropout": 0.3},
    "gru": {"units": (6,), "dropout": 0.3, "norm": "batch"},
    "feedforward": {"units": (16, 8), "dropout": 0.4, "norm": "batch"},
    "itransformer": {"d_model": 16, "layers": 1, "heads": 2, "dropout": 0.3},
    "tsmixer": {"d_ff": 8, "layers": 1, "dropout": 0.3},
}


@pytest.fixture(scope="module")
def models(network_folder: Write) -> dict[str, TrainedModel]:
    return {kind: TrainedModel.open(network_folder(kind, **settings)) for kind, settings in KINDS.items()}


@pytest.fixture(scope="module")
def windows(prepared_folder: Path) -> np.ndarray:
    prepared = Prepared.open(prepared_folder)
    return prepared.windows(np.asarray(prepared.starts("test"))[:6])


@pytest.mark.parametrize("kind", KINDS)
def test_passes_spread_as_kerass_own_dropout_does(
    models: dict[str, TrainedModel], windows: np.ndarray, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, passes = models[kind], 3000
    for layer in model.keras._flatten_layers():  # Keras in training mode would take statistics of the batch instead
        if isinstance(layer, keras.layers.BatchNormalization):
            monkeypatch.setattr(layer, "trainable", False)  # of this test alone: others watch these layers
    own = MonteCarlo.of(model, passes=passes).scaled(windows)[:, 0, 0]
    keras.utils.set_random_seed(1)
    peer = np.asarray(model.keras(np.repeat(windows[:1], passes, axis=0), training=True))[:, 0]
    assert own.std() == pytest.approx(peer.std(), rel=0.1)
    assert own.mean() == pytest.approx(peer.mean(), abs=6 * peer.std() / np.sqrt(passes))


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_one_network_whatever_else_is_in_the_batch(
    models: dict[str, TrainedModel], windows: np.ndarray, kind: str
) -> None:
    sampler = MonteCarlo.of(models[kind], passes=5, seed=2)
    together = sampler.scaled(windows)
    assert together.shape == (5, 6, 1)
    for position, window in enumerate(windows):
        np.testing.assert_allclose(sampler.scaled(window[None])[:, 0], together[:, position], rtol=1e-4, atol=1e-5)
    assert len(np.unique(together[:, 0])) == 5


def test_fewer_passes_are_the_first_of_more_and_chunks_change_nothing(
    models: dict[str, TrainedModel], windows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = MonteCarlo.of(models["lstm"], passes=7, seed=4).scaled(windows)
    np.testing.assert_allclose(MonteCarlo.of(models["lstm"], passes=3, seed=4).scaled(windows), many[:3], atol=1e-6)
    monkeypatch.setattr(monte_carlo, "BATCH_BYTES", 4 * 12 * 8 * 4)  # four rows of the widest dropout a call
    np.testing.assert_allclose(MonteCarlo.of(models["lstm"], passes=7, seed=4).scaled(windows), many, atol=1e-6)
    assert not np.allclose(MonteCarlo.of(models["lstm"], passes=7, seed=5).scaled(windows), many)


def test_feedforward_equals_its_arithmetic_under_the_drawn_masks(
    models: dict[str, TrainedModel], windows: np.ndarray
) -> None:
    model = models["feedforward"].keras
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    x = np.repeat(windows[None].reshape(1, 6, -1).astype(np.float64), 4, axis=0)
    for depth, mask in enumerate(draw_masks([MaskShape((16,), 0.4), MaskShape((8,), 0.4)], 4, seed=9)):
        kernel, bias = weights[f"dense_{depth}"]
        gamma, beta, mean, variance = weights[f"norm_{depth}"]
        x = np.maximum((x @ kernel + bias - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)
        x = x * mask[:, None] / 0.6
    kernel, bias = weights["forecast"]
    found = MonteCarlo.of(models["feedforward"], passes=4, seed=9).scaled(windows)
    np.testing.assert_allclose(found, x @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_batch_normalisation_keeps_its_statistics(models: dict[str, TrainedModel], windows: np.ndarray) -> None:
    model = models["gru"]
    before = [np.array(weight) for weight in model.keras.get_weights()]
    MonteCarlo.of(model, passes=10).scaled(windows)
    for old, new in zip(before, model.keras.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_forecasts_are_in_the_targets_units(models: dict[str, TrainedModel], prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    starts = np.asarray(prepared.starts("test"))[:3]
    sampler = MonteCarlo.of(models["lstm"], passes=6)
    origin = prepared.targets[prepared.origins(starts)]
    expected = prepared.preprocessing.target.invert(sampler.scaled(prepared.windows(starts))[..., 0], origin)
    np.testing.assert_allclose(sampler.forecast(prepared, starts)[..., 0], expected)


def test_passes_of_a_network_of_quantiles_are_of_its_point(
    network_folder: Write, prepared_folder: Path, windows: np.ndarray
) -> None:
    settings = {"units": (6,), "dropout": 1e-7}  # on, though no cell is dropped
    folder, preprocessing = network_folder("feedforward", **settings), Prepared.open(prepared_folder).preprocessing
    shape = WindowShape(preprocessing.lookback, len(preprocessing.features), parameters=3, distribution="quantile")
    build(REGISTRY["feedforward"].config(kind="feedforward", **settings), shape).save(folder / "model.keras")
    quantiles = {"distribution": {"kind": "quantile", "levels": [0.1, 0.5, 0.9], "point": 1}}
    write_json(folder / "signature.json", read_json(folder / "signature.json") | quantiles)
    model = TrainedModel.open(folder)
    found = MonteCarlo.of(model, passes=2).scaled(windows)
    np.testing.assert_allclose(found[:, :, 0], np.tile(model.describe(windows)[:, 1], (2, 1)), rtol=1e-4, atol=1e-5)


def test_the_trained_network_still_answers_without_dropout(
    models: dict[str, TrainedModel], windows: np.ndarray
) -> None:
    before = models["itransformer"].predict(windows)
    MonteCarlo.of(models["itransformer"], passes=3).scaled(windows)
    np.testing.assert_array_equal(models["itransformer"].predict(windows), before)


def test_a_network_without_dropout_is_refused_with_what_to_set(network_folder: Write) -> None:
    model = TrainedModel.open(network_folder("lstm", units=(4,), dropout=0.0))
    with pytest.raises(InputError, match=r"lstm has no dropout.*train\.model\.dropout"):
        MonteCarlo.of(model)
