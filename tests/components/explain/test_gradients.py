from __future__ import annotations

import keras
import numpy as np
import pytest

from components.explain import gradients, narrowing
from components.train.models import REGISTRY, build
from components.train.models.kind import WindowShape

HERE, ONCE = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)


def model(*, training_noise: float = 0.0) -> keras.Model:
    keras.utils.set_random_seed(2)
    window = keras.Input((4, 3))
    hidden = keras.layers.Dense(6, activation="tanh")(keras.layers.Flatten()(window))
    hidden = keras.layers.Dropout(training_noise)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(window, keras.layers.Dense(1)(hidden))


def points(count: int, rows: int = 4, features: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, rows, features)).astype(np.float32)


def gradient(function: gradients.Differentiable, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outputs, slopes = function.slopes([at], [np.zeros_like(at)], HERE, ONCE, 0)
    return outputs[:, 0], slopes[0]


def test_the_gradient_is_the_slope_of_the_output() -> None:
    net, at = model(), points(5)
    outputs, slopes = gradient(gradients.of_model(net), at)
    np.testing.assert_allclose(outputs, np.asarray(net(at)), atol=1e-6)
    for row, column in [(0, 0), (2, 1), (3, 2)]:
        shift = np.zeros_like(at)
        shift[:, row, column] = 1e-2
        rise = np.asarray(net(at + shift))[:, 0] - np.asarray(net(at - shift))[:, 0]
        np.testing.assert_allclose(slopes[:, row, column], rise / 2e-2, atol=1e-3)


def test_slopes_along_a_segment_are_the_weighted_sum_of_gradients_on_it() -> None:
    function, begins, moves = gradients.of_model(model()), points(5), points(5)[::-1].copy()
    positions, weights = np.array([0.25, 0.5, 1.0], np.float32), np.array([0.5, 0.3, 0.2], np.float32)
    outputs, (slopes,) = function.slopes([begins], [moves], positions, weights, 0)
    parts = [gradient(function, begins + position * moves) for position in positions]
    expected = sum(weight * part[1] for weight, part in zip(weights, parts, strict=True))
    np.testing.assert_allclose(slopes, expected, atol=1e-6)
    np.testing.assert_allclose(outputs[:, 2], parts[2][0], atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "xla"])
def test_the_model_runs_in_inference_mode(compiled: bool, request: pytest.FixtureRequest) -> None:
    if compiled:
        request.getfixturevalue("needs_xla")
    function = gradients._tensorflow_functions(model(training_noise=0.5), 8, compiled=compiled)
    at = points(8)
    np.testing.assert_array_equal(gradient(function, at)[1], gradient(function, at)[1])
    # Batch normalisation in training mode would make a row's answer depend on its neighbours.
    np.testing.assert_allclose(gradient(function, at)[1][:3], gradient(function, at[:3])[1], atol=1e-6)


def test_a_call_has_as_many_points_after_nodes_have_doubled() -> None:
    function = gradients.Differentiable(gradients.of_model(model()).slopes, batch=48)
    assert [nodes * function.segments(nodes) for nodes in (3, 6, 12, 24, 48)] == [48] * 5
    assert function.segments(100) == 1


def test_a_model_that_ignores_its_input_has_no_slope() -> None:
    window = keras.Input((4, 3))
    constant = keras.layers.Lambda(lambda x: keras.ops.ones((keras.ops.shape(x)[0], 1)), output_shape=(1,))(window)
    _, slopes = gradient(gradients.of_model(keras.Model(window, constant)), np.ones((2, 4, 3), dtype=np.float32))
    assert not slopes.any()


def test_an_unknown_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(gradients.BACKENDS, "tensorflow")
    with pytest.raises(gradients.GradientError, match="Keras runs on tensorflow"):
        gradients.of_model(model())


def test_recurrent_models_are_not_tried_with_xla() -> None:
    window = keras.Input((4, 3))
    assert not gradients._may_gain(keras.Model(window, keras.layers.Dense(1)(keras.layers.GRU(2)(window))))
    assert gradients._may_gain(model())


@pytest.mark.parametrize(
    ("shape", "settings", "narrows"),
    [
        ({}, {}, True),
        ({"steps": 3, "channels": 1}, {"skip": "linear"}, True),
        ({"steps": 3, "channels": 1, "known": 2, "ahead": 3}, {"covariates": "ahead", "cycle": True}, True),
        ({"target_first": False}, {}, False),
        ({"steps": 3, "channels": 5}, {"d_model": 16}, False),
    ],
    ids=["label", "path", "path known ahead", "mean of tokens", "all tokens read"],
)
def test_a_narrowed_model_answers_the_same(shape: dict, settings: dict, narrows: bool) -> None:
    keras.utils.set_random_seed(2)
    config = {"kind": "itransformer", "d_model": 32, "heads": 4, "layers": 2} | settings
    whole = build(REGISTRY["itransformer"].config(**config), WindowShape(12, 5, **shape))
    rng = np.random.default_rng(3)
    for weight in whole.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.3)
    narrow = narrowing.narrowed(whole)
    assert (narrow is not whole) == narrows
    given = [rng.normal(size=(6, *own.shape[1:])).astype(np.float32) for own in whole.inputs]
    given = given if len(given) > 1 else given[0]
    np.testing.assert_allclose(np.asarray(narrow(given)), np.asarray(whole(given)), atol=1e-5)
    whole.trainable_variables[-1].assign(rng.normal(size=whole.trainable_variables[-1].shape))
    np.testing.assert_allclose(np.asarray(narrow(given)), np.asarray(whole(given)), atol=1e-5)
