"""Probabilistic scores against scoringrules, and against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from scipy import stats

from components.evaluate.probabilistic import (
    LEVELS,
    SHARES,
    crps,
    crps_of_sample,
    ends,
    pinball,
    score_interval,
    winkler,
)

RNG = np.random.default_rng(11)
TRUTH = RNG.normal(30, 5, 400)
QUANTILES = np.sort(RNG.normal(30, 6, (400, len(LEVELS))), axis=1)
SAMPLE = RNG.normal(30, 6, (400, 37))


def test_pinball_equals_scoringrules() -> None:
    for column, level in enumerate(LEVELS):
        expected = scoringrules.quantile_score(TRUTH, QUANTILES[:, column], np.full(400, level))
        np.testing.assert_allclose(pinball(QUANTILES, TRUTH, LEVELS)[:, column], expected, rtol=0, atol=1e-8)


def test_crps_of_quantiles_equals_scoringrules() -> None:
    expected = scoringrules.crps_quantile(TRUTH, QUANTILES, LEVELS)
    np.testing.assert_allclose(crps(QUANTILES, TRUTH, LEVELS), expected, rtol=0, atol=1e-8)


def test_crps_of_a_sample_equals_scoringrules() -> None:
    expected = scoringrules.crps_ensemble(TRUTH, SAMPLE, estimator="nrg")
    np.testing.assert_allclose(crps_of_sample(SAMPLE, TRUTH), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("share", SHARES)
def test_winkler_equals_scoringrules(share: float) -> None:
    lower, upper = ends(QUANTILES, LEVELS, share)
    expected = scoringrules.interval_score(TRUTH, lower, upper, 1 - share)
    np.testing.assert_allclose(winkler(lower, upper, TRUTH, share), expected, rtol=0, atol=1e-8)


def test_crps_of_many_quantiles_is_that_of_the_normal_distribution() -> None:
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = np.tile(stats.norm.ppf(levels, 30, 5), (400, 1))
    expected = scoringrules.crps_normal(TRUTH, np.full(400, 30.0), np.full(400, 5.0))
    np.testing.assert_allclose(crps(quantiles, TRUTH, levels), expected, atol=2e-3)


def test_crps_of_a_point_is_its_absolute_error() -> None:
    point = np.full((400, len(LEVELS)), 31.0)
    np.testing.assert_allclose(crps(point, TRUTH, LEVELS), np.abs(TRUTH - 31.0))


def test_the_right_distribution_is_covered_as_often_as_it_says() -> None:
    truth = np.random.default_rng(5).normal(size=200_000)
    quantiles = np.tile(stats.norm.ppf(LEVELS), (len(truth), 1))
    for share in SHARES:
        found = score_interval(quantiles, truth, LEVELS, share)
        assert found.coverage == pytest.approx(share, abs=0.003)
        assert found.width == pytest.approx(2 * stats.norm.ppf((1 + share) / 2))
        wider = score_interval(1.3 * quantiles, truth, LEVELS, share)
        assert wider.winkler > found.winkler < score_interval(0.7 * quantiles, truth, LEVELS, share).winkler


def test_an_outcome_at_an_end_of_the_interval_is_inside() -> None:
    quantiles = np.tile(np.arange(float(len(LEVELS))), (4, 1))
    lower, upper = (end[0] for end in ends(quantiles, LEVELS, 0.9))
    truth = np.array([lower, upper, lower - 1e-9, upper + 1e-9])
    assert score_interval(quantiles, truth, LEVELS, 0.9).coverage == 0.5
