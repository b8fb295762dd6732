from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from components.preprocess.scaling import center_and_scale, fit_feature, is_constant

NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "peer"),
    [("zscore", StandardScaler()), ("minmax", MinMaxScaler()), ("robust", RobustScaler())],
    ids=["zscore", "minmax", "robust"],
)
def test_scales_agree_with_scikit_learn(kind: str, peer: object) -> None:
    values = np.random.default_rng(2).gamma(2.0, 30.0, 500)
    center, scale = center_and_scale(values, kind)
    np.testing.assert_allclose((values - center) / scale, peer.fit_transform(values[:, None])[:, 0], atol=1e-12)


@pytest.mark.parametrize("kind", ["zscore", "minmax", "robust"])
def test_a_constant_has_scale_one(kind: str) -> None:
    # The standard deviation of 0.1 repeated is 1e-17 in floating point, not zero.
    assert center_and_scale(np.full(1000, 0.1), kind) == (0.1, 1.0)


def test_a_feature_that_is_mostly_one_value_falls_back_to_its_deviation() -> None:
    values = np.zeros(100)
    values[:10] = 5.0
    assert center_and_scale(values, "robust") == (0.0, np.std(values))


@pytest.mark.parametrize("kind", ["zscore", "minmax", "robust"])
def test_tiny_numbers_have_a_scale(kind: str) -> None:
    assert center_and_scale(np.array([0.0, 1e-200, 2e-200, 4e-200]), kind)[1] > 0


def test_missing_values_take_the_median_of_the_known() -> None:
    feature = fit_feature("x", np.array([NAN, NAN, 1.0, 2.0, 9.0]), "zscore")
    assert feature is not None
    assert feature.fill == 2.0
    assert feature.center == np.mean([2.0, 2.0, 1.0, 2.0, 9.0])


def test_a_feature_without_values_cannot_be_fitted() -> None:
    assert fit_feature("x", np.full(5, NAN), "zscore") is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3.0], True), ([0.0, 0.0], True), ([1e9, 1e9 + 1e-6], True), ([1.0, 1.0 + 1e-9], False), ([-1.0, 1.0], False)],
    ids=["one", "zeros", "rounding", "small-change", "signs"],
)
def test_constant_means_no_change_beyond_rounding(values: list[float], expected: bool) -> None:
    assert is_constant(np.array(values)) is expected
