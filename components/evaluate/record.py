"""What a forecaster has said and what came true, in the order it became known: what bands are calibrated on.

Everything is on a scale on which errors of different times can be compared: as a change since the origin, a log-return
where the label is one. To calibrate a forecast made at a time only outcomes known by that time may be used; ``h`` rows
ahead that excludes the last ``h - 1`` forecasts, whose outcomes lie in the future.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from components.shared.artifacts import Prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.preprocessing import Preprocessing

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """The scale of calibration: change since the origin, as log-return or as difference."""

    log: bool

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Self:
        """A log-return where the model's label is one, else a difference."""
        return cls(preprocessing.predict == "label" and preprocessing.target.transform == "log_return")

    def of_target(self, target: Values, origin: Values) -> Values:
        """Change to ``target`` since ``origin``, shapes that broadcast."""
        return np.asarray(np.log(target) - np.log(origin) if self.log else target - origin)

    def to_target(self, change: Values, origin: Values) -> Values:
        """Inverse of :meth:`of_target`."""
        return np.asarray(origin * np.exp(change) if self.log else origin + change)


def volatility(prepared: Prepared, change: Change, half_life: float) -> Values:
    """Size of the target's moves from row to row as known at each row, on a scale of change: (rows,).

    Exponentially weighted root mean square, within each entity. It never is zero: where a series stands still, it is a
    hundredth of what it is over all its rows.
    """
    firsts = [entity.first for entity in prepared.preprocessing.entities] or [0]
    found = np.empty(len(prepared.targets))
    for first, stop in zip(firsts, [*firsts[1:], len(found)], strict=True):
        own = np.asarray(prepared.targets[first:stop])
        found[first:stop] = _decaying(change.of_target(own[1:], own[:-1]), half_life)
    return found


def _decaying(moves: Values, half_life: float) -> Values:
    """Exponentially weighted root mean square of (rows - 1,) moves at each of the rows, (rows,)."""
    from scipy.signal import lfilter

    squares = np.square(moves)
    squares = np.where(np.isfinite(squares), squares, np.nan)
    typical = float(np.nanmean(squares)) if np.isfinite(squares).any() else 1.0
    squares = np.where(np.isnan(squares), typical, squares)
    decay = 0.5 ** (1 / half_life)
    start = float(squares[: int(2 * half_life)].mean()) if len(squares) else typical
    mean = lfilter([1 - decay], [1, -decay], squares, zi=[decay * start])[0]
    return np.asarray(np.sqrt(np.maximum(np.concatenate([[start], mean]), 1e-4 * typical or 1e-12)))


@dataclass(frozen=True)
class Record:
    """Forecasts on validation and test windows in the order they were made; every array is (windows, …).

    ``made`` and ``known`` are when each forecast was made and when its outcome was known (any clock that counts up),
    ``point`` and ``truth`` changes since the origin, ``scale`` the volatility at the origin, ``test`` which windows the
    bands are judged on. ``raw`` are the model's own quantiles, (windows, levels), None where it has none.
    """

    made: NDArray[np.int64]
    known: NDArray[np.int64]
    point: Values
    truth: Values
    scale: Values
    test: NDArray[np.bool_]
    raw: Values | None = None

    def __post_init__(self) -> None:
        if (np.diff(self.made) < 0).any():
            raise ValueError("expected forecasts in the order they were made")
