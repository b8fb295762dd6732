from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.evaluate import metrics
from components.evaluate.metrics import LABELS, directional_accuracy, mape, mase, naive_error, r2, rmse, score, smape

REALISTIC = arrays(np.float64, 8, elements=st.floats(0.1, 1e4))


@pytest.mark.parametrize(
    ("ours", "reference", "factor"),
    [
        pytest.param(metrics.mae, sklearn.metrics.mean_absolute_error, 1, id="mae"),
        pytest.param(metrics.rmse, sklearn.metrics.root_mean_squared_error, 1, id="rmse"),
        pytest.param(metrics.mape, sklearn.metrics.mean_absolute_percentage_error, 100, id="mape"),
        pytest.param(metrics.r2, sklearn.metrics.r2_score, 1, id="r2"),
    ],
)
def test_metrics_agree_with_scikit_learn(
    ours: Callable[..., float], reference: Callable[..., float], factor: float
) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(30, 5, 500)
    forecast = truth + rng.normal(1, 3, 500)
    assert ours(forecast, truth) == pytest.approx(factor * reference(truth, forecast), rel=1e-12)


def test_smape_by_hand() -> None:
    # 2·1/(1+2) and 2·0/(4+4), averaged.
    assert smape(np.array([2.0, 4.0]), np.array([1.0, 4.0])) == pytest.approx(100 * (2 / 3) / 2)


def test_smape_counts_zero_forecast_of_zero_as_exact_and_is_at_most_200() -> None:
    assert smape(np.zeros(2), np.zeros(2)) == 0.0
    assert smape(np.array([0.0, -3.0]), np.array([5.0, 3.0])) == pytest.approx(200.0)


def test_mase_of_the_random_walk_on_its_own_train_rows_is_one() -> None:
    targets = np.random.default_rng(2).normal(size=100).cumsum()
    origins, horizon = np.arange(10, 80), 7
    scale = naive_error(targets, origins, horizon)
    assert scale == pytest.approx(np.abs(targets[17:87] - targets[10:80]).mean())
    assert mase(targets[origins], targets[origins + horizon], scale) == pytest.approx(1.0)


def test_directional_accuracy_leaves_out_windows_that_did_not_move() -> None:
    origin = np.full(4, 10.0)
    truth = np.array([11.0, 9.0, 10.0, 12.0])
    forecast = np.array([10.5, 10.5, 9.0, 10.0])  # right, wrong, left out, no change counts as wrong
    assert directional_accuracy(forecast, truth, origin) == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(lambda x: mape(x, np.array([1.0, 0.0])), "a true value is zero", id="mape"),
        pytest.param(lambda x: mase(x, x, 0.0), "the target never moved in training", id="mase"),
        pytest.param(lambda x: r2(x, np.array([3.0, 3.0])), "the truth is constant", id="r2"),
        pytest.param(lambda x: directional_accuracy(x, x + 1, x), "no change is ever predicted", id="no change"),
        pytest.param(lambda x: directional_accuracy(x + 1, x, x), "the truth never moves", id="all ties"),
    ],
)
def test_an_undefined_metric_is_none(value: Callable[[np.ndarray], float | None], why: str) -> None:
    assert value(np.array([1.0, 2.0])) is None, why


def test_a_score_holds_every_metric_in_table_order_and_no_infinity() -> None:
    huge = np.array([1e300, -1e300])
    with np.errstate(over="ignore"):
        scores = score(huge, np.array([1.0, 2.0]), origin=np.zeros(2), naive_error=1.0)
    assert list(scores) == list(LABELS)
    assert scores["rmse"] is None
    assert scores["mae"] == pytest.approx(1e300)


@given(truth=REALISTIC, forecast=REALISTIC, factor=st.floats(0.01, 100))
def test_relative_metrics_ignore_the_unit(truth: np.ndarray, forecast: np.ndarray, factor: float) -> None:
    for metric in (mape, smape):
        assert metric(forecast * factor, truth * factor) == pytest.approx(metric(forecast, truth), rel=1e-6)
    assert rmse(forecast * factor, truth * factor) == pytest.approx(factor * rmse(forecast, truth), rel=1e-6)


@given(truth=REALISTIC, forecast=REALISTIC)
def test_rmse_is_at_least_mae(truth: np.ndarray, forecast: np.ndarray) -> None:
    assert rmse(forecast, truth) >= metrics.mae(forecast, truth) * (1 - 1e-12)
