"""Is one forecaster really closer than another, or was it luck? A paired test on the windows both were scored on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

LOSSES = {
    "rmse": "squared error",
    "mae": "absolute error",
    "mase": "absolute error",
    "mape": "absolute percentage error",
    "smape": "symmetric absolute percentage error",
}
"""The loss of one window behind each deciding metric."""


@dataclass(frozen=True)
class PairedTest:
    """A model against one other forecaster.

    ``difference`` is the mean loss of the model less that of the other, below zero where the model is closer;
    ``p_value`` is two-sided, None where no test can be had, with the reason in ``absent``.
    """

    loss: str
    difference: float
    p_value: float | None
    freedom: int
    absent: str = ""


def losses(metric: str, forecast: Values, truth: Values) -> Values:
    """Loss of each window, (windows,), that the mean of decides under a metric."""
    size = np.abs(forecast - truth)
    if metric == "rmse":
        return np.square(size)
    if metric == "mape":
        return 100 * np.divide(size, np.abs(truth), out=np.zeros_like(size), where=truth != 0)
    if metric == "smape":
        scale = np.abs(truth) + np.abs(forecast)
        return 200 * np.divide(size, scale, out=np.zeros_like(size), where=scale > 0)
    return size


def compare_pair(
    metric: str,
    model: Values,
    other: Values,
    truth: Values,
    *,
    horizon: int,
    daily: Callable[[Values], Values] = lambda values: values,
) -> PairedTest:
    """Diebold and Mariano's test (1995) of equal accuracy, with asymptotics that suit small samples.

    The mean loss difference is divided by a long-run deviation estimated from the ``m`` lowest frequencies of its
    periodogram and compared with a t distribution of ``2 m`` degrees of freedom: Coroneo and Iacone (2020), "Comparing
    predictive accuracy in small samples using fixed-smoothing asymptotics", J. Applied Econometrics 35, who take
    ``m = n^(1/3)``. Forecasts ``h`` rows ahead overlap, which makes their losses smooth over ``h`` rows and the
    spectrum flat only below ``n / 2h`` frequencies: ``m`` is never more than that. Where not one frequency is left
    there are too few independent windows to test anything.

    Args:
        metric: the deciding metric, a key of :data:`LOSSES`.
        model, other, truth: (windows,) in target units; after ``daily`` in time order, a row apart.
        horizon: rows between origin and truth.
        daily: mean over the windows of one day, in time order. The windows of a panel's day are one observation:
            they are not independent of each other.
    """
    difference = daily(losses(metric, model, truth) - losses(metric, other, truth))
    mean, count = float(difference.mean()), len(difference)
    frequencies = min(math.floor(count ** (1 / 3) + 1e-9), count // (2 * horizon))
    named = LOSSES[metric]
    if frequencies < 1:
        reason = f"{count} windows {horizon} rows ahead overlap too much: a test needs {2 * horizon}"
        return PairedTest(named, mean, None, 0, reason)
    periodogram = np.square(np.abs(np.fft.rfft(difference - mean)[1 : frequencies + 1])) / count
    variance = float(periodogram.mean())
    if not variance > 0:
        return PairedTest(named, mean, None, 2 * frequencies, "the two differ by the same in every window")
    from scipy import stats

    statistic = mean / math.sqrt(variance / count)
    return PairedTest(named, mean, float(2 * stats.t.sf(abs(statistic), 2 * frequencies)), 2 * frequencies)
