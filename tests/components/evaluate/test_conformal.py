"""Calibrated bands against what they promise: on errors that come in any order, and on times that change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from components.evaluate.conformal import METHODS, adaptive, cqr, reach, split
from components.evaluate.probabilistic import LEVELS, ends, score_interval
from components.evaluate.record import Record


def record(
    windows: int = 3000, horizon: int = 1, *, seed: int = 0, sizes: np.ndarray | None = None, knows_scale: bool = False
) -> Record:
    """Forecasts of zero of sums of ``horizon`` moves, whose size may change; a third of them are the validation."""
    rng = np.random.default_rng(seed)
    size = np.ones(windows + horizon) if sizes is None else sizes
    moves = rng.normal(size=windows + horizon) * size
    truth = np.convolve(moves, np.ones(horizon), "full")[horizon : windows + horizon]
    rows = np.arange(windows)
    scale = size[:windows] if knows_scale else np.ones(windows)
    return Record(rows, rows + horizon, np.zeros(windows), truth, scale, rows >= windows // 3)


def coverage(bands: np.ndarray, record: Record, share: float = 0.9) -> float:
    return score_interval(bands, record.truth[record.test], LEVELS, share).coverage


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("method", ["split", "adaptive"])
def test_bands_of_exchangeable_errors_hold_what_they_promise(method: str, share: float) -> None:
    found = [coverage(METHODS[method](r, LEVELS), r, share) for r in (record(900, seed=seed) for seed in range(5))]
    assert np.mean(found) == pytest.approx(share, abs=0.03)


def test_split_conformal_covers_exactly_as_often_as_theory_says() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(20_000):
        sizes = np.sort(np.abs(rng.normal(size=10)))
        held.append(abs(rng.normal()) <= reach(sizes, np.array([0.8]))[0])
    assert np.mean(held) == pytest.approx(9 / 11, abs=0.01)  # ceil(11 * 0.8) = 9th of 10; ceil(10 * 0.8) holds 8/11


@pytest.mark.parametrize(
    ("share", "rank"), [(0.0, 1), (0.5, 6), (0.8, 9), (10 / 11, 10), (0.95, 10)], ids=lambda value: f"{value:.2g}"
)
def test_a_bound_is_the_rank_that_a_finite_sample_needs(share: float, rank: int) -> None:
    assert reach(np.arange(1.0, 11.0), np.array([share]))[0] == rank


def test_conformalised_quantiles_mend_a_model_that_is_too_sure() -> None:
    plain = record()
    raw = np.tile(0.3 * np.sqrt(2) * np.linspace(-1.5, 1.5, len(LEVELS)), (len(plain.truth), 1))
    sure = dataclasses.replace(plain, raw=raw)
    before = score_interval(raw[sure.test], sure.truth[sure.test], LEVELS, 0.9)
    after = cqr(sure, LEVELS)
    assert before.coverage < 0.5
    assert coverage(after, sure) == pytest.approx(0.9, abs=0.035)
    assert score_interval(after, sure.truth[sure.test], LEVELS, 0.9).winkler < before.winkler


def test_conformalised_quantiles_keep_what_the_model_knows_about_hard_times() -> None:
    sizes = np.where(np.arange(3001) // 50 % 2, 3.0, 1.0)
    plain = record(sizes=sizes)
    knowing = dataclasses.replace(plain, raw=sizes[:3000, None] * np.linspace(-1, 1, len(LEVELS)))
    lower, upper = ends(cqr(knowing, LEVELS), LEVELS, 0.9)
    hard = sizes[:3000][plain.test] > 1
    assert (upper - lower)[hard].mean() > 1.5 * (upper - lower)[~hard].mean()


def test_no_quantiles_no_conformalised_quantiles() -> None:
    with pytest.raises(ValueError, match="quantiles of its own"):
        cqr(record(), LEVELS)


@pytest.mark.parametrize("horizon", [1, 21])
def test_adaptive_bands_follow_a_jump_in_volatility_where_split_ones_do_not(horizon: int) -> None:
    sizes = np.where(np.arange(3000 + horizon) < 2000, 1.0, 2.5)
    jumped = record(horizon=horizon, sizes=sizes)
    late = np.arange(3000)[jumped.test] >= 2200
    judged = dataclasses.replace(jumped, test=jumped.test & (np.arange(3000) >= 2200))
    assert coverage(split(jumped, LEVELS)[late], judged) < 0.65
    assert coverage(adaptive(jumped, LEVELS)[late], judged) == pytest.approx(0.9, abs=0.05)


def test_adaptive_bands_scale_with_a_volatility_that_is_known_at_the_origin() -> None:
    sizes = np.where(np.arange(3001) % 200 < 100, 1.0, 4.0)
    known = record(sizes=sizes, knows_scale=True)
    bands = adaptive(known, LEVELS)
    lower, upper = ends(bands, LEVELS, 0.9)
    calm = sizes[:3000][known.test] == 1.0
    inside = (known.truth[known.test] >= lower) & (known.truth[known.test] <= upper)
    assert inside[calm].mean() == pytest.approx(0.9, abs=0.04)
    assert inside[~calm].mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("method", ["split", "adaptive"])
def test_no_band_knows_what_was_not_known_when_it_was_made(method: str) -> None:
    base = record(600, 21)
    cut = 400
    truth = base.truth.copy()
    truth[cut - 21 + 1 :] += 1000.0  # outcomes that come true after row `cut`
    changed = dataclasses.replace(base, truth=truth)
    until = (np.arange(600)[base.test] <= cut).sum()
    calibrate = METHODS[method]
    np.testing.assert_array_equal(calibrate(base, LEVELS)[:until], calibrate(changed, LEVELS)[:until])


@pytest.mark.parametrize("method", ["split", "cqr"])
def test_bounds_of_validation_know_nothing_of_the_test_windows(method: str) -> None:
    plain = record(300)
    base = dataclasses.replace(plain, raw=np.tile(np.linspace(-1, 1, len(LEVELS)), (300, 1)))
    changed = dataclasses.replace(base, truth=np.where(base.test, 50 * base.truth, base.truth))
    np.testing.assert_array_equal(METHODS[method](base, LEVELS), METHODS[method](changed, LEVELS))


def test_windows_of_one_day_count_as_one_outcome() -> None:
    one = record(900, 5)
    three = Record(*(np.repeat(getattr(one, name), 3) for name in ("made", "known", "point", "truth", "scale", "test")))
    np.testing.assert_allclose(adaptive(three, LEVELS)[::3], adaptive(one, LEVELS), rtol=0.15, atol=0.15)


@pytest.mark.parametrize("method", ["split", "adaptive"])
def test_quantiles_ascend(method: str) -> None:
    bands = METHODS[method](record(400, 30), LEVELS)
    assert bands.shape == (400 - 400 // 3, len(LEVELS))
    assert (np.diff(bands, axis=1) >= 0).all()


def test_conformalised_quantiles_do_not_cross_where_they_are_moved_far_inwards() -> None:
    plain = record(300)
    width = np.where(np.arange(300) % 2, 1.0, 20.0)  # too wide on average, far too narrow to be moved by as much
    bands = cqr(dataclasses.replace(plain, raw=width[:, None] * np.linspace(-1, 1, len(LEVELS))), LEVELS)
    assert (np.diff(bands, axis=1) >= 0).all()


def test_forecasts_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in the order they were made"):
        dataclasses.replace(record(10), made=np.arange(10)[::-1])
