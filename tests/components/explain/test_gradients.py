from __future__ import annotations

import keras
import numpy as np
import pytest

from components.explain import gradients


def model(*, training_noise: float = 0.0) -> keras.Model:
    keras.utils.set_random_seed(2)
    window = keras.Input((4, 3))
    hidden = keras.layers.Dense(6, activation="tanh")(keras.layers.Flatten()(window))
    hidden = keras.layers.Dropout(training_noise)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(window, keras.layers.Dense(1)(hidden))


def test_the_gradient_is_the_slope_of_the_output() -> None:
    net, points = model(), np.random.default_rng(1).normal(size=(5, 4, 3)).astype(np.float32)
    outputs, slopes = gradients.of_model(net)(points)
    np.testing.assert_allclose(outputs, np.asarray(net(points))[:, 0], atol=1e-6)
    for row, column in [(0, 0), (2, 1), (3, 2)]:
        shift = np.zeros_like(points)
        shift[:, row, column] = 1e-2
        rise = np.asarray(net(points + shift))[:, 0] - np.asarray(net(points - shift))[:, 0]
        np.testing.assert_allclose(slopes[:, row, column], rise / 2e-2, atol=1e-3)


def test_the_model_runs_in_inference_mode() -> None:
    gradient = gradients.of_model(model(training_noise=0.5))
    points = np.random.default_rng(1).normal(size=(8, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(gradient(points)[1], gradient(points)[1])
    # Batch normalisation in training mode would make a row's answer depend on its neighbours.
    np.testing.assert_allclose(gradient(points)[1][:3], gradient(points[:3])[1], atol=1e-6)


def test_a_model_that_ignores_its_input_has_no_slope() -> None:
    window = keras.Input((4, 3))
    constant = keras.layers.Lambda(lambda x: keras.ops.ones((keras.ops.shape(x)[0], 1)), output_shape=(1,))(window)
    _, slopes = gradients.of_model(keras.Model(window, constant))(np.ones((2, 4, 3), dtype=np.float32))
    assert not slopes.any()


def test_an_unknown_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(gradients.BACKENDS, "tensorflow")
    with pytest.raises(gradients.GradientError, match="Keras runs on tensorflow"):
        gradients.of_model(model())
