from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.config import DecidingMetric
from components.evaluate.metrics import score
from components.evaluate.significance import LOSSES, compare_pair, losses

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


def test_equal_forecasters_are_told_apart_as_rarely_as_the_level_says() -> None:
    """Over many worlds in which neither is better, 5 % of tests at the 5 % level reject, though forecasts overlap."""
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(400):
        model, other = overlapping(rng, 400), overlapping(rng, 400)
        found = compare_pair("rmse", model, other, np.zeros(400), horizon=HORIZON)
        rejected += found.p_value is not None and found.p_value < 0.05
    assert 0.02 <= rejected / 400 <= 0.09


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
