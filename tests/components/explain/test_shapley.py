from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from components.explain import attributions, gradients
from components.explain.shapley import permutation_shapley

Windows = Callable[[int, int], np.ndarray]
EACH = [[0], [1], [2], [3]]


def interacting(arrays: list[np.ndarray]) -> np.ndarray:
    last = arrays[0][:, -1].astype(np.float64)
    return last[:, 0] * last[:, 1] + 3 * last[:, 2]


def test_two_features_that_multiply_share_what_they_make_together(windows: Windows) -> None:
    samples = windows(2, 1)
    found = permutation_shapley(interacting, [samples], [np.zeros((1, 6, 4), np.float32)], EACH)
    product = samples[:, -1, 0] * samples[:, -1, 1]
    expected = np.stack([product / 2, product / 2, 3 * samples[:, -1, 2], np.zeros(2)], axis=1)
    # The reverse of an order gives what one of the two got to the other: exact, however few orders are drawn.
    np.testing.assert_allclose(found.values[..., 0], expected, atol=1e-6)
    assert found.errors.max() == 0


def test_errors_are_standard_errors_of_the_mean_over_the_baselines(windows: Windows) -> None:
    baselines = windows(30, 2)
    found = permutation_shapley(interacting, [windows(3, 1)], [baselines], EACH)
    expected = 3 * baselines[:, -1, 2].astype(np.float64).std() / np.sqrt(30)
    np.testing.assert_allclose(found.errors[:, 2, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 4096])
def test_groups_add_up_to_the_difference_exactly(windows: Windows, lstm: keras.Model, batch: int) -> None:
    samples, baselines = windows(3, 1), windows(5, 2)

    def predict(arrays: list[np.ndarray]) -> np.ndarray:
        return np.asarray(lstm(arrays[0]))

    found = permutation_shapley(predict, [samples], [baselines], [[0, 3], [1, 2]], rounds=2, batch=batch)
    gained = np.asarray(lstm(samples)) - np.asarray(lstm(baselines)).mean(axis=0)
    np.testing.assert_allclose(found.values.sum(axis=1), gained, atol=1e-6)
    assert found.evaluations == 3 * 5 * 2 * 2 * 3


def test_expected_gradients_agree_with_the_reference(windows: Windows, lstm: keras.Model) -> None:
    samples, baselines = windows(6, 1), windows(20, 2)
    reference = permutation_shapley(lambda arrays: np.asarray(lstm(arrays[0])), [samples], [baselines], EACH, rounds=3)
    ours = attributions.expected_gradients(gradients.of_model(lstm), [samples], [baselines]).values.sum(axis=1)
    assert np.corrcoef(ours.ravel(), reference.values.ravel())[0, 1] > 0.98


def test_a_feature_that_the_model_ignores_stays_below_the_noise(windows: Windows) -> None:
    found = permutation_shapley(interacting, [windows(3, 1)], [windows(30, 2)], EACH)
    assert np.abs(found.values[:, 3]).max() == 0
    assert found.errors[:, :2].min() > 0


def test_what_is_known_ahead_joins_with_its_feature() -> None:
    def predict(arrays: list[np.ndarray]) -> np.ndarray:
        window, ahead = arrays
        return window[:, -1, 3] + 10 * ahead[:, 1, 0]

    given = [np.ones((2, 6, 4), np.float32), np.ones((2, 3, 1), np.float32)]
    found = permutation_shapley(predict, given, [np.zeros_like(own[:1]) for own in given], EACH)
    np.testing.assert_allclose(found.values[..., 0], [[0, 0, 0, 11], [0, 0, 0, 11]])


@pytest.mark.parametrize("groups", [[[0], [1]], [[0, 1], [1, 2, 3]]], ids=["one left out", "one twice"])
def test_each_feature_is_in_one_group(groups: list[list[int]], windows: Windows) -> None:
    with pytest.raises(ValueError, match="each of 4 features in one group"):
        permutation_shapley(interacting, [windows(1, 1)], [windows(1, 2)], groups)
