from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from components.evaluate import baselines
from components.evaluate.baselines import (
    RIDGE_PENALTY,
    BaselineUnavailableError,
    History,
    forecast_baselines,
    random_walk,
    ridge,
    seasonal_naive,
)
from components.shared.artifacts import Prepared

TEST = np.arange(200, 240)


def history(targets: np.ndarray, *, lookback: int = 6, horizon: int = 5, season: int = 12) -> History:
    return History(targets, np.arange(lookback - 1, 150), lookback=lookback, horizon=horizon, season=season)


def walk(rows: int = 300) -> np.ndarray:
    return 40 + np.random.default_rng(4).normal(size=rows).cumsum()


def test_the_random_walk_repeats_the_last_value() -> None:
    targets = walk()
    np.testing.assert_array_equal(random_walk(history(targets), TEST), targets[TEST])


@pytest.mark.parametrize("horizon", [1, 11, 12, 13, 24, 30], ids=lambda h: f"h={h}")
def test_a_periodic_series_is_forecast_exactly_by_its_season(horizon: int) -> None:
    targets = np.sin(2 * np.pi * (np.arange(300) % 12) / 12)
    forecast = seasonal_naive(history(targets, horizon=horizon, season=12), TEST)
    np.testing.assert_array_equal(forecast, targets[TEST + horizon])


@pytest.mark.parametrize(("horizon", "season"), [(5, 12), (12, 12), (30, 12)], ids=["within", "whole", "beyond"])
def test_the_seasonal_naive_looks_back_no_further_than_it_must(horizon: int, season: int) -> None:
    rows = np.arange(300.0)
    used = seasonal_naive(history(rows, horizon=horizon, season=season), TEST)
    assert (used <= TEST).all()
    assert (used > TEST - season).all()
    assert ((TEST + horizon - used) % season == 0).all()


def test_ridge_is_the_penalised_least_squares_of_scikit_learn() -> None:
    targets = walk()
    known = history(targets)
    scale = targets[known.train_origins].std()

    def shape(origins: np.ndarray) -> np.ndarray:
        return np.array([(targets[t - 5 : t] - targets[t]) / scale for t in origins])

    changes = (targets[known.train_origins + 5] - targets[known.train_origins]) / scale
    fitted = Ridge(alpha=RIDGE_PENALTY, solver="cholesky").fit(shape(known.train_origins), changes)
    expected = targets[TEST] + scale * fitted.predict(shape(TEST))
    np.testing.assert_allclose(ridge(known, TEST), expected, rtol=1e-10)


def test_ridge_fits_in_blocks_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    known = history(walk())
    whole = ridge(known, TEST)
    monkeypatch.setattr(baselines, "_BLOCK", 17)
    np.testing.assert_allclose(ridge(known, TEST), whole, rtol=1e-10)


def test_ridge_on_one_row_of_lookback_is_the_mean_change() -> None:
    targets = walk()
    known = history(targets, lookback=1)
    drift = (targets[known.train_origins + 5] - targets[known.train_origins]).mean()
    np.testing.assert_allclose(ridge(known, TEST), targets[TEST] + drift)


@pytest.mark.parametrize("name", list(baselines.BASELINES))
def test_no_baseline_looks_ahead_of_its_origin(name: str) -> None:
    targets = walk()
    origins = np.array([220])
    changed = targets.copy()
    changed[221:] = 1e6
    forecast = baselines.BASELINES[name]
    np.testing.assert_array_equal(forecast(history(targets), origins), forecast(history(changed), origins))


def test_the_history_of_a_prepared_artifact_names_its_train_origins(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    known = History.of(prepared, season=30)
    train = prepared.preprocessing.splits["train"]
    np.testing.assert_array_equal(known.train_origins, np.arange(train.first, train.last + 1))
    assert (known.lookback, known.horizon, known.season) == (12, 7, 30)


def test_ridge_learns_from_train_rows_only() -> None:
    targets = walk()
    changed = targets.copy()
    changed[155:190] *= 3  # after the last train label (row 149 + 5), before the lookback of the first test window
    np.testing.assert_array_equal(ridge(history(targets), TEST), ridge(history(changed), TEST))


def test_a_baseline_that_cannot_be_computed_is_absent_with_its_reason() -> None:
    known = history(walk(), season=252)
    forecasts, absent = forecast_baselines(list(baselines.BASELINES), known, TEST)
    assert list(forecasts) == ["random_walk", "ridge"]
    assert absent == {
        "seasonal_naive": "a season of 252 rows before the first test forecast needs 47 more rows of history"
    }


def test_a_gap_in_the_target_makes_only_the_touched_baselines_absent() -> None:
    targets = walk()
    targets[[100, 197]] = np.nan
    forecasts, absent = forecast_baselines(list(baselines.BASELINES), history(targets), TEST)
    assert list(forecasts) == ["random_walk"]
    assert "1 of 40 forecasts" in absent["seasonal_naive"]
    assert "unknown somewhere" in absent["ridge"]


@pytest.mark.parametrize(
    ("targets", "train_rows", "reason"),
    [
        pytest.param(np.full(300, 3.0), 150, "constant", id="constant"),
        pytest.param(walk(), 6, "needs 2 train windows, there are 1", id="one train window"),
    ],
)
def test_ridge_says_why_it_cannot_be_fitted(targets: np.ndarray, train_rows: int, reason: str) -> None:
    known = History(targets, np.arange(5, train_rows), lookback=6, horizon=5, season=12)
    with pytest.raises(BaselineUnavailableError, match=reason):
        ridge(known, TEST)
