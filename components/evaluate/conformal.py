"""Make bands hold what they promise, by how far past forecasts were off: conformal prediction for forecasts in time.

``split``      the size of errors on validation, around the point forecast (Vovk et al. 2005; Lei et al. 2018)
``cqr``        the model's own bands, each widened by what outcomes on validation lay outside of it, or narrowed
               (Romano, Patterson and Candès 2019)
``adaptive``   the size of all errors known so far, in units of the volatility at the origin, at shares that move after
               every outcome by whether its band held it (Gibbs and Candès 2021): for times that change

The guarantee of the first two rests on errors that could as well have come in another order, which those of a market
could not. The third needs no such thing: over a long time it is off by at most ``(1 + step) / (step * windows)``, more
by the delay with which outcomes become known. Bands are symmetric about the point forecast, or equally wider than the
model's own on either side: a year in which prices rose says little about which way the next is off.

``levels`` are quantiles to give, ascending, in pairs ``a`` and ``1 - a`` around the median.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

STEP = 0.0075
"""How far a share moves after an outcome: little, for a miss a month ahead repeats on the 20 days beside it."""

WIDEST = 1.1
STRETCH = 2.5
"""A share above 1 asks for more than was ever seen: the widest error so far, and wider by ``STRETCH`` times the excess,
up to ``WIDEST``. The method's authors give infinite bands there, which help nobody."""


def shares_of(levels: Values) -> Values:
    """Shares that the central bands of ``levels`` are to hold, the widest first: (bands,)."""
    return np.asarray(1 - 2 * levels[levels < 0.5])


def reach(sizes: Values, shares: Values) -> Values:
    """Bounds that the next of (n, …) ascending sizes stays below as often as the shares say: (shares, …).

    The ``ceil((n + 1) s)``-th smallest, at most the largest: Vovk's correction for a finite sample.
    """
    count = len(sizes)
    rank = np.ceil((count + 1) * shares - 1e-9).astype(np.int64)
    return np.asarray(sizes[np.clip(rank, 1, count) - 1])


def split(record: Record, levels: Values) -> Values:
    """Point forecasts of the test windows, with bounds of validation errors on either side: (test windows, levels)."""
    sizes = np.sort(np.abs(record.truth - record.point)[~record.test])
    bounds = np.broadcast_to(reach(sizes, shares_of(levels)), (int(record.test.sum()), len(levels) // 2))
    return _around(record.point[record.test], bounds)


def cqr(record: Record, levels: Values) -> Values:
    """The model's own bands on test windows, moved outwards by a bound of validation scores: (test windows, levels).

    The score of a band is how far the outcome lies outside of it, below zero inside (the paper's eq. 6).

    Raises:
        ValueError: the forecaster has no quantiles of its own.
    """
    if record.raw is None:
        raise ValueError("expected a forecaster with quantiles of its own")
    shares = shares_of(levels)
    pairs = len(shares)
    lower, upper = record.raw[:, :pairs], record.raw[:, ::-1][:, :pairs]
    scores = np.maximum(lower - record.truth[:, None], record.truth[:, None] - upper)
    bounds = np.diagonal(reach(np.sort(scores[~record.test], axis=0), shares))
    moved = np.concatenate([lower - bounds, record.raw[:, pairs : pairs + 1], (upper + bounds)[:, ::-1]], axis=1)
    return np.asarray(np.sort(moved[record.test], axis=1))


def adaptive(record: Record, levels: Values, step: float = STEP) -> Values:
    """Bands that follow the times, made and judged in the order of the record: (test windows, levels).

    Half of the validation windows warm it up: too few errors make bands that miss, and the shares would run away.

    Args:
        record: the forecasts.
        levels: see above.
        step: how far a share moves after an outcome; 0 leaves the shares and only collects errors.
    """
    sizes = np.abs(record.truth - record.point) / record.scale
    arrival = np.argsort(record.known, kind="stable")
    days, first = np.unique(record.made, return_index=True)
    arrived = np.searchsorted(record.known[arrival], days, side="right")
    beside = np.diff([*first, len(sizes)])
    weight = np.repeat(1 / beside, beside)  # windows of one day are one outcome
    shares, enough = shares_of(levels), int((~record.test).sum()) // 2
    given = np.full((len(sizes), len(shares)), np.nan)
    current, seen, ordered = shares.copy(), 0, np.empty(0)
    for day in range(len(days)):
        news = arrival[seen : arrived[day]]
        if len(news):
            ordered = np.sort(np.concatenate([ordered, sizes[news]]))
            current = _moved(current, shares, sizes[news], given[news], weight[news], step)
            seen = arrived[day]
        if len(ordered) >= max(enough, 1):
            given[first[day] : first[day] + beside[day]] = _stretched(ordered, current)
    bounds = given[record.test]
    early = np.isnan(bounds).any(axis=1)
    bounds[early] = reach(np.sort(sizes[~record.test]), shares)
    return _around(record.point[record.test], bounds * record.scale[record.test][:, None])


def _moved(current: Values, shares: Values, sizes: Values, given: Values, weight: Values, step: float) -> Values:
    """Shares to ask for after outcomes: more where bands missed too often, less where not often enough."""
    judged = ~np.isnan(given[:, 0])
    missed = sizes[judged, None] > given[judged]
    moved = current + step * ((missed - (1 - shares)) * weight[judged, None]).sum(axis=0)
    return np.asarray(np.sort(np.clip(moved, 0.0, WIDEST))[::-1])


def _stretched(ordered: Values, shares: Values) -> Values:
    return reach(ordered, np.minimum(shares, 1.0)) * (1 + STRETCH * np.maximum(shares - 1.0, 0.0))


def _around(point: Values, bounds: Values) -> Values:
    """Quantiles (windows, 2 bands + 1) of (windows, bands) bounds on either side of (windows,) points."""
    middle = point[:, None]
    return np.concatenate([middle - bounds, middle, middle + bounds[:, ::-1]], axis=1)


Calibrate = Callable[["Record", "Values"], "Values"]

METHODS: dict[str, Calibrate] = {"split": split, "cqr": cqr, "adaptive": adaptive}
