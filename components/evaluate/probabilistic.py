"""Scores of forecasts that say how sure they are: quantiles, intervals, samples. Lower is better, except coverage.

``truth`` is (windows,) in target units, ``levels`` (levels,) between 0 and 1 in ascending order, ``quantiles``
(windows, levels). Scores are of each window, so that they can be averaged over any part of the hold-out and compared in
pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

LEVELS = np.round(np.arange(0.025, 0.98, 0.025), 3)
"""Quantiles that describe every forecast: evenly spaced, so that their mean pinball loss is half a CRPS."""

SHARES = (0.5, 0.8, 0.9, 0.95)
"""Central intervals whose coverage is counted."""


def pinball(quantiles: Values, truth: Values, levels: Values) -> Values:
    """Loss of a quantile forecast ``q`` at level ``a``, ``(1[y < q] - a) (q - y)``: (windows, levels).

    Koenker and Bassett (1978); the mean of it is least where ``q`` is the quantile.
    """
    over = quantiles - truth[:, None]
    return np.asarray(np.maximum((1 - levels) * over, -levels * over))


def crps(quantiles: Values, truth: Values, levels: Values) -> Values:
    """Continuous ranked probability score by its quantile decomposition, twice the mean pinball loss: (windows,).

    Laio and Tamea (2007), eq. 8; exact in the limit of many evenly spaced levels. Of a point forecast it is the
    absolute error, so that forecasters with and without a spread can be compared.
    """
    return np.asarray(2 * pinball(quantiles, truth, levels).mean(axis=1))


def crps_of_sample(sample: Values, truth: Values) -> Values:
    """CRPS of the empirical distribution of a sample, ``E|X - y| - E|X - X'| / 2``: (windows,).

    Gneiting and Raftery (2007), eq. 21; sorting gives the second term without forming all pairs.

    Args:
        sample: (windows, members).
        truth: (windows,).
    """
    ordered = np.sort(sample, axis=1)
    members = ordered.shape[1]
    rank = 2 * np.arange(1, members + 1) - members - 1
    return np.asarray(np.abs(ordered - truth[:, None]).mean(axis=1) - (ordered @ rank) / members**2)


def winkler(lower: Values, upper: Values, truth: Values, share: float) -> Values:
    """Interval score: the width, plus ``2 / (1 - share)`` times what the truth lies outside by: (windows,).

    Winkler (1972); Gneiting and Raftery (2007), eq. 43.
    """
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - share) * outside)


@dataclass(frozen=True)
class Interval:
    """How one central interval did: the share of outcomes it held, its mean width and its mean Winkler score."""

    share: float
    coverage: float
    width: float
    winkler: float


def ends(quantiles: Values, levels: Values, share: float) -> tuple[Values, Values]:
    """Lower and upper end of a central interval, from the quantiles at its two levels.

    Raises:
        KeyError: one of the levels is not among ``levels``.
    """
    columns = {round(float(level), 6): column for column, level in enumerate(levels)}
    low, high = round((1 - share) / 2, 6), round((1 + share) / 2, 6)
    return quantiles[:, columns[low]], quantiles[:, columns[high]]


def score_interval(quantiles: Values, truth: Values, levels: Values, share: float) -> Interval:
    """Coverage, width and Winkler score of one central interval, means over windows; ends count as inside."""
    lower, upper = ends(quantiles, levels, share)
    inside = (truth >= lower) & (truth <= upper)
    score = winkler(lower, upper, truth, share)
    return Interval(share, float(inside.mean()), float((upper - lower).mean()), float(score.mean()))
