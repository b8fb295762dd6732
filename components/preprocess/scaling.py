"""Fill values and scales, fitted on the train rows of one column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.shared.preprocessing import FeatureScaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.preprocess.config import Scaling


def fit_feature(name: str, train: NDArray[np.float64], kind: Scaling) -> FeatureScaling | None:
    """Fit one feature; None when it has no value at all on the train rows.

    Args:
        name: the feature's column.
        train: its values on train rows, filled forward, shape (train rows,); NaN only before the first known value.
        kind: how to scale, see :func:`center_and_scale`.
    """
    known = train[~np.isnan(train)]
    if not len(known):
        return None
    fill = float(np.median(known))
    center, scale = center_and_scale(impute(train, fill), kind)
    return FeatureScaling(name=name, fill=fill, center=center, scale=scale)


def impute(filled: NDArray[np.float64], fill: float) -> NDArray[np.float64]:
    """Values with ``fill`` where none is known, any shape."""
    return np.where(np.isnan(filled), fill, filled)


def center_and_scale(values: NDArray[np.float64], kind: Scaling) -> tuple[float, float]:
    """Centre and scale of finite ``values``, shape (n,), n >= 1.

    ``zscore``: mean and population standard deviation. ``minmax``: minimum and range, so that train rows lie in 0..1.
    ``robust``: median and interquartile range. The scale is never zero: a constant gets 1, and a column whose
    quartiles coincide though it varies (mostly zeros, say) gets its standard deviation instead.
    """
    if is_constant(values):
        return float(values[0]), 1.0
    # Squares of numbers below 1e-160 vanish, and the deviation with them.
    deviation = float(np.std(values)) or float(np.ptp(values))
    if kind == "minmax":
        low = float(np.min(values))
        return low, float(np.max(values)) - low
    if kind == "robust":
        lower, median, upper = np.percentile(values, [25, 50, 75])
        return float(median), float(upper - lower) or deviation
    return float(np.mean(values)), deviation


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether the values do not vary beyond the rounding of a float64."""
    low, high = float(np.min(values)), float(np.max(values))
    return high - low <= 1e-12 * max(abs(low), abs(high))
