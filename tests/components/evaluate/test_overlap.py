from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.overlap import coverage_range, effective_windows


@pytest.mark.parametrize(("windows", "horizon"), [(300, 1), (521, 21), (479, 63), (400, 126)])
def test_the_mean_of_overlapping_outcomes_varies_like_that_of_so_many_independent_ones(
    windows: int, horizon: int
) -> None:
    rng = np.random.default_rng(0)
    sums = np.cumsum(rng.normal(size=(4000, windows + horizon)), axis=1)
    outcomes = (sums[:, horizon:] - sums[:, :-horizon]) / np.sqrt(horizon)
    assert 1 / outcomes.mean(axis=1).var() == pytest.approx(effective_windows(windows, horizon), rel=0.08)


def test_a_horizon_longer_than_the_holdout_leaves_little_more_than_one() -> None:
    assert effective_windows(287, 252) == pytest.approx(1.6, abs=0.1)
    assert effective_windows(10, 252) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("effective", [1.6, 25.0, 400.0])
def test_the_range_holds_the_counted_coverage_and_narrows(effective: float) -> None:
    low, high = coverage_range(0.9, effective)
    assert 0 <= low < 0.9 < high <= 1
    assert high - low < coverage_range(0.9, effective / 1.5)[1] - coverage_range(0.9, effective / 1.5)[0]


def test_the_range_of_whole_counts_is_clopper_and_pearsons() -> None:
    # 18 of 20: the textbook's exact interval
    assert coverage_range(0.9, 20) == pytest.approx((0.6830, 0.9877), abs=1e-4)
    assert coverage_range(1.0, 20)[1] == 1.0
