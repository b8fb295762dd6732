"""Point-forecast metrics in the target's own units.

Every function takes ``forecast`` and ``truth`` of shape (windows,), finite, with at least one window, and answers one
number, or None where its definition has none. ``e = forecast - truth`` throughout.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

LABELS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "smape": "sMAPE",
    "mase": "MASE",
    "r2": "R²",
    "directional_accuracy": "direction",
}
"""Every metric in table order, as people write it."""

PERCENT = frozenset({"mape", "smape", "directional_accuracy"})
IN_TARGET_UNITS = frozenset({"mae", "rmse"})


def mae(forecast: Values, truth: Values) -> float:
    """Mean absolute error, ``mean|e|``, in target units."""
    return float(np.abs(forecast - truth).mean())


def rmse(forecast: Values, truth: Values) -> float:
    """Root mean squared error, ``sqrt(mean e²)``, in target units."""
    return math.sqrt(float(np.square(forecast - truth).mean()))


def mape(forecast: Values, truth: Values) -> float | None:
    """Mean absolute percentage error, ``100 · mean(|e| / |truth|)``, in percent.

    None when a true value is zero: a relative error to nothing has no size.
    """
    if not truth.all():
        return None
    return 100.0 * float(np.abs((forecast - truth) / truth).mean())


def smape(forecast: Values, truth: Values) -> float:
    """Symmetric mean absolute percentage error, ``100 · mean(2|e| / (|truth| + |forecast|))``, 0 to 200 percent.

    The form of the M3 and M4 competitions (Makridakis and Hibon, 2000). A window where both are zero counts as
    forecast exactly.
    """
    size = np.abs(truth) + np.abs(forecast)
    ratio = np.divide(2.0 * np.abs(forecast - truth), size, out=np.zeros_like(size), where=size > 0)
    return 100.0 * float(ratio.mean())


def mase(forecast: Values, truth: Values, naive_error: float) -> float | None:
    """Mean absolute scaled error, ``mean|e| / naive_error``, without unit.

    Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006), scale by the in-sample error of the
    one-step naive forecast. Here the scale is that of the *h-step* naive forecast on train rows, see
    :func:`naive_error`, so that below 1 means: better than the random walk did in training over the same horizon.

    None when the scale is zero, which is a target that did not move in training.
    """
    return mae(forecast, truth) / naive_error if naive_error > 0 else None


def naive_error(targets: Values, origins: NDArray[np.int64], horizon: int) -> float:
    """Scale of :func:`mase`: ``mean|y[t+h] - y[t]|`` over the train origins ``t``, in target units.

    Args:
        targets: the whole series, shape (rows,).
        origins: rows ``t`` of the train split, shape (n,), at least one.
        horizon: ``h`` in rows.
    """
    return mae(np.asarray(targets[origins]), np.asarray(targets[origins + horizon]))


def r2(forecast: Values, truth: Values) -> float | None:
    """Coefficient of determination, ``1 - sum(e²) / sum((truth - mean(truth))²)``, without unit.

    1 is exact, 0 as good as knowing the hold-out's mean, below 0 worse. None when the truth is constant.
    """
    spread = float(np.square(truth - truth.mean()).sum())
    return 1.0 - float(np.square(forecast - truth).sum()) / spread if spread > 0 else None


def directional_accuracy(forecast: Values, truth: Values, origin: Values) -> float | None:
    """Share of windows whose forecast moves the way the truth did: ``sign(forecast - origin) == sign(truth - origin)``.

    In percent, after Pesaran and Timmermann (1992). Windows whose truth did not move are left out; a forecast of no
    change in a window that did move counts as wrong. None when no window is left, and for a forecaster that always
    predicts no change (a random walk): it takes no direction to be right or wrong about.

    Args:
        forecast: values at ``t + horizon``, shape (windows,).
        truth: what came true, shape (windows,).
        origin: the target at ``t``, shape (windows,).
    """
    happened, expected = np.sign(truth - origin), np.sign(forecast - origin)
    moved = happened != 0
    if not moved.any() or not expected.any():
        return None
    return 100.0 * float((happened[moved] == expected[moved]).mean())


def score(forecast: Values, truth: Values, *, origin: Values, naive_error: float) -> dict[str, float | None]:
    """Every metric of one forecaster, by name in table order; None where it is undefined or overflows."""
    values = {
        "mae": mae(forecast, truth),
        "rmse": rmse(forecast, truth),
        "mape": mape(forecast, truth),
        "smape": smape(forecast, truth),
        "mase": mase(forecast, truth, naive_error),
        "r2": r2(forecast, truth),
        "directional_accuracy": directional_accuracy(forecast, truth, origin),
    }
    return {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}
