"""Forecasts made on neighbouring rows share most of their outcome: how many independent ones they are worth."""

from __future__ import annotations

import numpy as np


def effective_windows(windows: int, horizon: int) -> float:
    """Independent forecasts that ``windows`` forecasts made a row apart, ``horizon`` rows ahead, are worth.

    Outcomes ``k`` rows apart share ``h - k`` of their ``h`` moves, so they correlate by ``1 - k / h``; the mean of
    them has the variance of ``n / (1 + 2 sum_k (1 - k / n) (1 - k / h))`` independent ones (Bayley and Hammersley
    1946). Roughly ``windows / horizon``, at least 1.
    """
    lags = np.arange(1, min(horizon, windows))
    shared = float(((1 - lags / windows) * (1 - lags / horizon)).sum())
    return max(1.0, windows / (1 + 2 * shared))


def coverage_range(coverage: float, effective: float, confidence: float = 0.95) -> tuple[float, float]:
    """What the true coverage may be, given what so many independent forecasts showed.

    Clopper and Pearson (1934) with a count that need not be whole.
    """
    from scipy.stats import beta

    tail, held = (1 - confidence) / 2, coverage * effective
    low = float(beta.ppf(tail, held, effective - held + 1)) if held > 0 else 0.0
    high = float(beta.ppf(1 - tail, held + 1, effective - held)) if held < effective else 1.0
    return low, high
