from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from components.evaluate.config import DecidingMetric
from components.evaluate.metrics import score
from components.evaluate.significance import LOSSES, compare_pair, fixed_smoothing, harvey, losses

HORIZON = 5


def overlapping(rng: np.random.Generator, count: int) -> np.ndarray:
    """Errors of a forecast HORIZON rows ahead: sums of as many independent shocks."""
    return np.convolve(rng.normal(size=count + HORIZON - 1), np.ones(HORIZON), "valid")


def test_every_deciding_metric_has_a_loss() -> None:
    assert set(LOSSES) == set(DecidingMetric.__args__)


@pytest.mark.parametrize("metric", ["mae", "mape", "smape"])
def test_the_mean_loss_is_the_metric(metric: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 2, 50)
    forecast = truth + rng.normal(size=50)
    table = score(forecast, truth, origin=truth, naive_error=1.0)
    assert losses(metric, forecast, truth).mean() == pytest.approx(table[metric])


def worlds(count: int, windows: int, horizon: int, worse: float = 1.0) -> np.ndarray:
    """Differences of squared errors of two forecasters in ``count`` worlds, (count, windows).

    Errors of each are sums of ``horizon`` moves, so those of neighbouring windows overlap; the second's are ``worse``
    times as large.
    """
    running = np.cumsum(np.random.default_rng(7).normal(size=(2, count, windows + horizon)), axis=2)
    errors = running[:, :, horizon:] - running[:, :, :-horizon]
    return np.asarray(np.square(errors[0]) - np.square(worse * errors[1]))


@pytest.mark.parametrize(("windows", "horizon"), [(200, 1), (518, 21), (476, 63)], ids=["1 row", "1m", "3m"])
def test_a_5_percent_test_rejects_equals_in_4_to_6_percent_of_worlds(windows: int, horizon: int) -> None:
    frequencies = min(int(windows ** (1 / 3)), windows // (2 * horizon))
    p_values = [fixed_smoothing(difference, frequencies) for difference in worlds(5000, windows, horizon)]
    assert 0.04 <= np.mean([p is not None and p < 0.05 for p in p_values]) <= 0.06


@pytest.mark.parametrize("horizon", [1, 3])
def test_harveys_test_rejects_equals_in_4_to_6_percent_of_worlds_at_short_horizons(horizon: int) -> None:
    p_values = [harvey(difference, horizon) for difference in worlds(5000, 400, horizon)]
    assert 0.04 <= np.mean([p is not None and p < 0.05 for p in p_values]) <= 0.06


@pytest.mark.parametrize(("windows", "horizon", "power"), [(200, 1, 0.95), (518, 21, 0.9), (476, 63, 0.3)])
def test_a_forecaster_that_errs_twice_as_much_is_found(windows: int, horizon: int, power: float) -> None:
    frequencies = min(int(windows ** (1 / 3)), windows // (2 * horizon))
    p_values = [fixed_smoothing(difference, frequencies) for difference in worlds(400, windows, horizon, worse=2.0)]
    assert np.mean([p is not None and p < 0.05 for p in p_values]) >= power


def test_harveys_test_of_one_row_ahead_is_a_t_test_but_for_the_degree_of_freedom_in_the_variance() -> None:
    difference = np.random.default_rng(3).normal(0.1, 1, 80)
    assert harvey(difference, 1) == pytest.approx(float(stats.ttest_1samp(difference, 0).pvalue))


def test_the_bootstrap_interval_lies_about_the_difference_and_agrees_with_the_test() -> None:
    rng = np.random.default_rng(1)
    better = compare_pair("rmse", 0.5 * overlapping(rng, 400), overlapping(rng, 400), np.zeros(400), horizon=HORIZON)
    assert better.bootstrap is not None
    assert better.bootstrap.low < better.difference < better.bootstrap.high < 0
    assert better.bootstrap.p_value < 0.01
    assert better.bootstrap.block >= HORIZON


def test_a_block_of_the_bootstrap_is_never_shorter_than_the_horizon() -> None:
    model, other = np.random.default_rng(1).normal(size=(2, 400))  # nothing but the horizon asks for long blocks
    found = compare_pair("mae", model, other, np.zeros(400), horizon=20).bootstrap
    assert found is not None
    assert found.block == 20


def test_a_better_forecaster_is_found() -> None:
    rng = np.random.default_rng(1)
    found = compare_pair("rmse", 0.5 * overlapping(rng, 400), overlapping(rng, 400), np.zeros(400), horizon=HORIZON)
    assert found.difference < 0
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.freedom == 14


def test_a_long_horizon_leaves_fewer_frequencies() -> None:
    rng = np.random.default_rng(1)
    found = compare_pair("mae", overlapping(rng, 400), overlapping(rng, 400), np.zeros(400), horizon=63)
    assert found.freedom == 6


@pytest.mark.parametrize(
    ("other", "horizon", "expected"),
    [(1.0, 50, "60 windows 50 rows ahead overlap too much: a test needs 100"), (0.0, 5, "the same in every window")],
    ids=["overlap", "no difference"],
)
def test_where_no_test_can_be_had_the_reason_is_given(other: float, horizon: int, expected: str) -> None:
    model = np.random.default_rng(2).normal(size=60)
    found = compare_pair("rmse", model, (1 + other) * model, np.zeros(60), horizon=horizon)
    assert found.p_value is None
    assert expected in found.absent
