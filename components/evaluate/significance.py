"""Is one forecaster really closer than another, or was it luck? Paired tests on the windows both were scored on.

Three answers to one question. ``p_value`` is the one to go by: where forecasts overlap as ours, a 5 % test of it
rejects equals in 4 to 6 % of worlds. Harvey's correction is the customary one, and holds its size while the horizon is
short; the bootstrap gives an interval in the units of the loss. Over long horizons both reject too often:
``benchmarks/uncertainty.py`` prints by how much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.resampling import Resampled, bootstrap_mean

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
    ``p_value`` is two-sided, None where no test can be had, with the reason in ``absent``. ``harvey_p_value`` is that
    of :func:`harvey`, ``bootstrap`` an interval of the difference; either is None where overlap leaves too little.
    """

    loss: str
    difference: float
    p_value: float | None
    freedom: int
    absent: str = ""
    harvey_p_value: float | None = None
    bootstrap: Resampled | None = None


def losses(metric: str, forecast: Values, truth: Values) -> Values:
    """Loss of each window, (windows,), that the mean of decides under a metric."""
    size: Values = np.abs(forecast - truth)
    if metric == "rmse":
        return np.asarray(np.square(size))
    if metric == "mape":
        return np.asarray(100 * np.divide(size, np.abs(truth), out=np.zeros_like(size), where=truth != 0))
    if metric == "smape":
        scale = np.abs(truth) + np.abs(forecast)
        return np.asarray(200 * np.divide(size, scale, out=np.zeros_like(size), where=scale > 0))
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
    """Compare two forecasters by every test that can be had.

    Args:
        metric: the deciding metric, a key of :data:`LOSSES`.
        model, other, truth: (windows,) in target units; after ``daily`` in time order, a row apart.
        horizon: rows between origin and truth.
        daily: mean over the windows of one day, in time order. The windows of a panel's day are one observation:
            they are not independent of each other.
    """
    difference = daily(losses(metric, model, truth) - losses(metric, other, truth))
    mean, named = float(difference.mean()), LOSSES[metric]
    frequencies = min(math.floor(len(difference) ** (1 / 3) + 1e-9), len(difference) // (2 * horizon))
    if frequencies < 1:
        reason = f"{len(difference)} windows {horizon} rows ahead overlap too much: a test needs {2 * horizon}"
        return PairedTest(named, mean, None, 0, reason)
    p_value = fixed_smoothing(difference, frequencies)
    if p_value is None:
        return PairedTest(named, mean, None, 2 * frequencies, "the two differ by the same in every window")
    resampled = bootstrap_mean(difference, at_least=horizon)
    return PairedTest(named, mean, p_value, 2 * frequencies, "", harvey(difference, horizon), resampled)


def fixed_smoothing(difference: Values, frequencies: int) -> float | None:
    """p-value of Diebold and Mariano's test (1995) of equal accuracy, with asymptotics that suit small samples.

    The mean loss difference is divided by a long-run deviation estimated from the ``m`` lowest frequencies of its
    periodogram and compared with a t distribution of ``2 m`` degrees of freedom: Coroneo and Iacone (2020), "Comparing
    predictive accuracy in small samples using fixed-smoothing asymptotics", J. Applied Econometrics 35, who take
    ``m = n^(1/3)`` (their weighted periodogram estimate with Daniell's kernel). Forecasts ``h`` rows ahead overlap,
    which makes their losses smooth over ``h`` rows and the spectrum flat only below ``n / 2h`` frequencies: ``m``
    should be no more than that. None where the difference does not vary.
    """
    from scipy import stats

    mean, count = float(difference.mean()), len(difference)
    periodogram = np.square(np.abs(np.fft.rfft(difference - mean)[1 : frequencies + 1])) / count
    variance = float(periodogram.mean())
    if not variance > 0:
        return None
    return float(2 * stats.t.sf(abs(mean / math.sqrt(variance / count)), 2 * frequencies))


def harvey(difference: Values, horizon: int) -> float | None:
    """p-value of Diebold and Mariano's test as Harvey, Leybourne and Newbold (1997) corrected it for small samples.

    The long-run variance is the sum of the autocovariances up to lag ``h - 1`` (their eq. 5), the statistic is
    multiplied by ``sqrt((n + 1 - 2 h + h (h - 1) / n) / n)`` (eq. 9) and compared with a t distribution of ``n - 1``
    degrees of freedom. None where that variance, which nothing keeps above zero, is not.
    """
    from scipy import stats

    count, mean = len(difference), float(difference.mean())
    centred = difference - mean
    covariances = [float(centred[lag:] @ centred[: count - lag]) / count for lag in range(min(horizon, count))]
    variance = covariances[0] + 2 * sum(covariances[1:])
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    if not variance > 0 or not correction > 0:
        return None
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return float(2 * stats.t.sf(abs(statistic), count - 1))
