from __future__ import annotations

import keras
import numpy as np
import pytest

from components.explain import attributions, gradients

LOOKBACK, FEATURES = 6, 4


def windows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, LOOKBACK, FEATURES)).astype(np.float32)


def lstm() -> keras.Model:
    keras.utils.set_random_seed(1)
    window = keras.Input((LOOKBACK, FEATURES), name="window")
    return keras.Model(window, keras.layers.Dense(1)(keras.layers.LSTM(8)(window)))


def linear(weights: np.ndarray) -> keras.Model:
    window = keras.Input((LOOKBACK, FEATURES), name="window")
    dense = keras.layers.Dense(1)
    model = keras.Model(window, dense(keras.layers.Flatten()(window)))
    dense.set_weights([weights.reshape(-1, 1), np.array([0.7], dtype=np.float32)])
    return model


def explain(
    model: keras.Model, samples: np.ndarray, baselines: np.ndarray, **options: int
) -> attributions.Attributions:
    return attributions.expected_gradients(gradients.of_model(model), samples, baselines, **options)


@pytest.mark.parametrize("nodes", [1, 8])
def test_a_linear_model_gets_the_closed_form(nodes: int) -> None:
    weights = np.random.default_rng(3).normal(size=(LOOKBACK, FEATURES)).astype(np.float32)
    samples, baselines = windows(5, seed=1), windows(11, seed=2)
    found = explain(linear(weights), samples, baselines, nodes=nodes)
    np.testing.assert_allclose(found.values, weights * (samples - baselines.mean(axis=0)), atol=1e-5)
    assert found.base_value == pytest.approx((weights * baselines).sum(axis=(1, 2)).mean() + 0.7, abs=1e-5)


def test_attributions_of_an_lstm_add_up_to_its_forecasts() -> None:
    model, samples, baselines = lstm(), windows(6, seed=1), windows(20, seed=2)
    found = explain(model, samples, baselines)
    forecasts, base = np.asarray(model(samples))[:, 0], float(np.asarray(model(baselines)).mean())
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), forecasts - base, rtol=1e-3)
    assert found.relative_residual < 0.001
    assert np.abs(found.values).max() > 0.01


def test_a_feature_that_the_model_ignores_gets_nothing() -> None:
    model = lstm()
    layer = model.layers[1]
    kernel, *rest = layer.get_weights()
    kernel[2] = 0.0
    layer.set_weights([kernel, *rest])
    found = explain(model, windows(4, seed=1), windows(8, seed=2))
    assert np.abs(found.values[:, :, 2]).max() < 1e-7
    assert np.abs(found.values[:, :, [0, 1, 3]]).max() > 0.01


def test_permuting_columns_permutes_attributions() -> None:
    model, samples, baselines = lstm(), windows(3, seed=1), windows(7, seed=2)
    before = explain(model, samples, baselines)
    order = [2, 0, 3, 1]
    layer = model.layers[1]
    kernel, *rest = layer.get_weights()
    layer.set_weights([kernel[order], *rest])
    after = explain(model, samples[:, :, order], baselines[:, :, order])
    np.testing.assert_allclose(after.values, before.values[:, :, order], atol=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 10_000], ids=["one point", "ends within a sample", "everything at once"])
def test_the_batch_size_changes_nothing(batch: int) -> None:
    model, samples, baselines = lstm(), windows(3, seed=1), windows(4, seed=2)
    expected = explain(model, samples, baselines, nodes=3, batch=512)
    found = explain(model, samples, baselines, nodes=3, batch=batch)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    np.testing.assert_allclose(found.residuals, expected.residuals, atol=1e-6)


def test_quadrature_is_exact_for_polynomial_gradients() -> None:
    def fourth_power(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (points**4).sum(axis=(1, 2)), 4 * points**3

    samples, baselines = windows(3, seed=1), windows(5, seed=2)
    found = attributions.expected_gradients(fourth_power, samples, baselines, nodes=2)
    np.testing.assert_allclose(found.values, samples**4 - (baselines**4).mean(axis=0), atol=1e-4)


def test_nodes_are_doubled_until_the_residual_is_small_enough() -> None:
    keras.utils.set_random_seed(5)
    window = keras.Input((LOOKBACK, FEATURES))
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(window))
    gradient = gradients.of_model(keras.Model(window, keras.layers.Dense(1)(hidden)))
    samples, baselines = windows(4, seed=1), windows(3, seed=2)
    coarse = attributions.expected_gradients(gradient, samples, baselines, nodes=2)
    finer = attributions.refined(
        gradient, samples, baselines, nodes=2, max_nodes=256, target_residual=coarse.relative_residual / 4
    )
    assert 2 < finer.nodes < 256
    assert finer.relative_residual <= coarse.relative_residual / 4
    capped = attributions.refined(gradient, samples, baselines, nodes=2, max_nodes=3, target_residual=1e-9)
    assert capped.nodes == 3


@pytest.mark.parametrize(
    ("outputs", "attributed", "expected"),
    [([3.0, 1.0], [2.0, 0.0], 0.5), ([0.0, 0.0], [0.0, 0.0], 0.0), ([0.0, 0.0], [1.0, 0.0], np.inf)],
    ids=["half is missed", "a constant model", "something out of nothing"],
)
def test_the_relative_residual_is_a_ratio_of_sums(
    outputs: list[float], attributed: list[float], expected: float
) -> None:
    values = np.array(attributed).reshape(2, 1, 1)
    found = attributions.Attributions(values, base_value=0.0, outputs=np.array(outputs), nodes=1)
    assert found.relative_residual == expected
