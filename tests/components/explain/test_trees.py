"""TreeSHAP's closed form where trees can be a line: on the values that they were trained on, one step a value.

Between those values trees are steps and no line, so there the closed form holds to half a step and no closer.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from components.shared.boosted import BoostedTrees, WindowColumns, load_xgboost

WEIGHTS = np.array([1500.0, -500.0, 0.0])
"""Large, because XGBoost makes no split that gains less than 1e-6, whatever the unit."""
CLOSE = 1e-6 * 1500
GRID = np.arange(4) / 4
LOOKBACK = 2


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    """Windows (64, 2, 3) whose last rows are all combinations of four values of three features."""
    last = np.array(list(itertools.product(GRID, repeat=3)), dtype=np.float32)
    return np.stack([np.random.default_rng(0).normal(size=last.shape), last], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def line(grid: np.ndarray) -> BoostedTrees:
    """Stumps boosted without shrinkage or penalty until they are the weighted sum of the last row, plus 0.7."""
    xgboost = load_xgboost()
    columns = WindowColumns(("a", "b", "c"), LOOKBACK, lags=(), spans=(), own_history=False)
    data = xgboost.DMatrix(columns.of(grid), grid[:, -1] @ WEIGHTS + 0.7)
    # Half of a full step: greedy stumps would else chase their own overshooting.
    settings = {"max_depth": 1, "eta": 0.5, "lambda": 0, "tree_method": "exact", "base_score": 0.7, "nthread": 1}
    return BoostedTrees(xgboost.train(settings, data, 120), columns)


def closed_form(windows: np.ndarray, background: np.ndarray) -> np.ndarray:
    out = np.zeros(windows.shape)
    out[:, -1] = WEIGHTS * (windows[:, -1] - background[:, -1].mean(axis=0))
    return out


def test_a_line_gets_the_closed_form_where_the_trees_are_one(grid: np.ndarray, line: BoostedTrees) -> None:
    values, base_value = line.contributions(grid)
    np.testing.assert_allclose(values, closed_form(grid, grid), atol=CLOSE)
    assert base_value == pytest.approx((grid[:, -1] @ WEIGHTS).mean() + 0.7, abs=CLOSE)


def test_between_the_values_they_know_trees_are_steps(grid: np.ndarray, line: BoostedTrees) -> None:
    between = grid + np.float32(0.1)
    values, _ = line.contributions(between)
    away = np.abs(values - closed_form(between, grid))[:, -1].max(axis=0)
    np.testing.assert_allclose(away, 0.1 * np.abs(WEIGHTS), atol=CLOSE)


def test_a_feature_without_a_split_gets_nothing(grid: np.ndarray, line: BoostedTrees) -> None:
    values, _ = line.contributions(grid)
    assert np.abs(values[:, -1, 2]).max() < 1e-7
    assert not values[:, 0].any(), "rows that no column reads"
