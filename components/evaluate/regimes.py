"""Scores by what the times were like when a forecast was made: calm or restless, rising or falling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.metrics import mae, rmse
from components.evaluate.record import Change, volatility
from components.shared.artifacts import Prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.evaluate.holdout import Holdout
    from components.evaluate.uncertainty import Judged

    Values = NDArray[np.float64]

HALF_LIFE = 23.0
FEWEST_WINDOWS = 2


@dataclass(frozen=True)
class Regime:
    """Errors of every forecaster on the windows of one kind, and how often the model's 90 % band held there."""

    windows: int
    mae: Mapping[str, float]
    rmse: Mapping[str, float]
    coverage_90: float | None


def by_regime(
    prepared: Prepared, holdout: Holdout, forecasts: Mapping[str, Values], bands: Judged | None
) -> dict[str, Regime]:
    """Score the windows of each regime that has some.

    Args:
        prepared: for what was known at each origin.
        holdout: the windows.
        forecasts: by forecaster, (windows,), in target units.
        bands: the model's; None for none.
    """
    found = {}
    for name, inside in _regimes(prepared, holdout):
        if inside.sum() < FEWEST_WINDOWS:
            continue
        truth, held = holdout.truth[inside], None
        if bands is not None:
            lower, upper = bands.band(0.9)
            held = float(((holdout.truth >= lower) & (holdout.truth <= upper))[inside].mean())
        found[name] = Regime(
            windows=int(inside.sum()),
            mae={who: mae(values[inside], truth) for who, values in forecasts.items()},
            rmse={who: rmse(values[inside], truth) for who, values in forecasts.items()},
            coverage_90=held,
        )
    return found


def _regimes(prepared: Prepared, holdout: Holdout) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Which windows are of which regime, by what was known at their origin; thirds are those of the hold-out itself."""
    size = volatility(prepared, Change.of(prepared.preprocessing), HALF_LIFE)[holdout.rows]
    third = np.searchsorted(np.quantile(size, [1 / 3, 2 / 3]), size)
    for position, name in enumerate(("calm", "moderate", "restless")):
        yield f"{name} third", third == position
    firsts = np.asarray([entity.first for entity in prepared.preprocessing.entities] or [0])
    begin = firsts[np.searchsorted(firsts, holdout.rows, side="right") - 1]
    before = np.maximum(holdout.rows - prepared.preprocessing.horizon, begin)
    rose = holdout.origin_values > np.asarray(prepared.targets[before])
    yield "after a rise", rose
    yield "after a fall", ~rose
