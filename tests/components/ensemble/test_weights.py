from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from components.ensemble import weights

RNG = np.random.default_rng(4)
TRUTH = RNG.normal(size=300)


def forecasts(*deviations: float) -> np.ndarray:
    return np.stack([TRUTH + RNG.normal(0, deviation, 300) for deviation in deviations])


def test_independent_errors_get_weights_by_precision() -> None:
    found = weights.least_squares(forecasts(1.0, 2.0), TRUTH)
    # Bates and Granger: inversely to the variances, 4 : 1.
    np.testing.assert_allclose(found, [0.8, 0.2], atol=0.05)


def test_a_member_that_only_hurts_gets_nothing() -> None:
    good = forecasts(0.5)[0]
    worse = TRUTH + 3 * (good - TRUTH)  # the same errors, three times as large
    np.testing.assert_array_equal(weights.least_squares(np.stack([good, worse]), TRUTH), [1.0, 0.0])


def test_equal_members_share_their_weight() -> None:
    one = forecasts(1.0)[0]
    np.testing.assert_allclose(weights.least_squares(np.stack([one, one]), TRUTH), [0.5, 0.5])


def test_a_member_without_error_takes_all() -> None:
    np.testing.assert_allclose(
        weights.least_squares(np.stack([TRUTH, forecasts(1.0)[0]]), TRUTH), [1.0, 0.0], atol=1e-9
    )


@given(st.integers(2, 5), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_point_of_the_simplex_is_better(members: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(members, members)) @ rng.normal(size=(members, 80))
    found = weights.least_squares(mixed, np.zeros(80))
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    # The same problem as a non-negative least squares whose heavy last row asks for the sum of one.
    heavy = 1e4
    reference = nnls(np.vstack([mixed.T, np.full(members, heavy)]), np.append(np.zeros(80), heavy))[0]
    reference /= reference.sum()

    def cost(at: np.ndarray) -> float:
        return float(np.square(at @ mixed).mean())

    assert cost(found) <= cost(reference) + 1e-9


@pytest.mark.parametrize(
    ("windows", "horizon", "strength", "expected"),
    [
        (420, 21, 1.0, 1 - 2 / 18),
        (420, 21, 0.0, 1.0),
        (420, 21, 20.0, 0.0),
        (126, 63, 1.0, 0.0),
        (126, 63, 0.0, 1.0),
    ],
    ids=["twenty independent windows", "no shrinkage", "strong shrinkage", "as few as members", "few, unshrunk"],
)
def test_trust_follows_the_independent_windows(windows: int, horizon: int, strength: float, expected: float) -> None:
    assert weights.trust(2, windows, horizon, strength=strength) == pytest.approx(expected)


def test_what_is_not_trusted_is_shared_equally() -> None:
    np.testing.assert_allclose(weights.shrunk(np.array([1.0, 0.0]), 0.6), [0.8, 0.2])
