"""Weights of a forecast combination: convex, least squares on validation, drawn to equal weights where data is thin.

The variance-minimising combination of unbiased forecasts is Bates and Granger's (1969). Estimated weights often lose to
equal ones, because their error costs more than they gain (Stock and Watson 2004; Smith and Wallis 2009); the cure taken
here is Stock and Watson's: shrink the estimate to equal weights, the more the fewer observations it rests on.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def least_squares(forecasts: Values, truth: Values) -> Values:
    """Weights, none negative and with sum one, of the combination with the least squared error.

    With weights that sum to one, the error of the combination is the combination ``E w`` of errors, and the problem is
    the least of ``w' E'E w`` on a simplex. On each face it has a closed form, ``w`` proportional to ``(E'E)^-1 1``
    (Bates and Granger 1969); there are few members, so every face is looked at, and the best point is exact.

    Args:
        forecasts: (members, windows).
        truth: (windows,).

    Returns:
        (members,). Members that forecast the same share their weight.
    """
    errors = forecasts - truth
    moments = errors @ errors.T / errors.shape[1]
    members = len(moments)
    candidates = [np.eye(members)[single] for single in range(members)]
    for size in range(2, members + 1):
        for chosen in itertools.combinations(range(members), size):
            face = _on_face(moments, list(chosen))
            if face is not None:
                candidates.append(face)
    costs = np.array([candidate @ moments @ candidate for candidate in candidates])
    # The last of equals is the one that spreads the weight furthest.
    good = np.flatnonzero(costs <= costs.min() + 1e-12 * max(1.0, costs.min()))
    return candidates[good[-1]]


def _on_face(moments: Values, chosen: list[int]) -> Values | None:
    """The least point of a face, None when it lies outside of it."""
    part = moments[np.ix_(chosen, chosen)]
    # The smallest-norm solution: equal members get equal parts, and a member without error takes all by itself.
    solved = np.linalg.lstsq(part, np.ones(len(chosen)), rcond=1e-12)[0]
    if not solved.sum() > 0 or (solved < 0).any():
        return None
    out = np.zeros(len(moments))
    out[chosen] = solved / solved.sum()
    return out


def trust(members: int, windows: int, horizon: int, *, strength: float) -> float:
    """How much of the estimated weights to keep, 0 to 1: ``max(0, 1 - strength * k / (T - k))``.

    Stock and Watson (2004), "Combination forecasts of output growth in a seven-country data set", section 3, for ``k``
    members and ``T`` observations. Forecasts ``horizon`` rows ahead of neighbouring days overlap, so ``T`` counts one
    window every ``horizon`` rows.

    Args:
        members: ``k``.
        windows: validation windows, those of one day counted once.
        horizon: rows from origin to truth.
        strength: Stock and Watson's kappa.
    """
    independent = windows / horizon
    if strength == 0:
        return 1.0
    if independent <= members:
        return 0.0
    return max(0.0, 1.0 - strength * members / (independent - members))


def shrunk(estimated: Values, kept: float) -> Values:
    """``kept`` of the estimated weights, and the rest equally among all members."""
    return kept * estimated + (1 - kept) / len(estimated)
