"""Intervals around a point forecast, on the scaled label, by what the model offers.

``quantile``   the model forecasts quantiles; between two of its levels the interval is interpolated
``gaussian``   the model forecasts a mean and a deviation
``residuals``  the model forecasts a point; quantiles of its errors on the validation windows are put around it

The first two are moved outwards, or inwards, by what outcomes on validation lay outside of them, where training kept
that: then they are ``conformal_quantile`` and ``conformal_gaussian``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError
from components.shared.files import read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["quantile", "gaussian", "residuals"]


@dataclass(frozen=True)
class Bands:
    """How to make the intervals of one model.

    ``levels`` are those of ``offsets`` (residuals), or of the model's outputs (quantile); empty for a Gaussian.
    ``bounds`` are how far intervals are moved outwards, as (share, bound), ascending; empty for not at all.
    """

    kind: Kind
    shares: tuple[float, ...]
    levels: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()

    @property
    def method(self) -> str:
        """What a table of forecasts calls the way its intervals are made."""
        return f"conformal_{self.kind}" if self.bounds else self.kind

    @classmethod
    def of(cls, model: TrainedModel, shares: Sequence[float]) -> Bands:
        """Choose the method for a model.

        Raises:
            InputError: the model cannot give one of the intervals; says the widest it can.
        """
        distribution: dict[str, Any] = model.signature.get("distribution", {"kind": "point"})
        file = model.path / "residuals.json"
        kept = read_json(file) if file.is_file() else {"levels": (), "quantiles": ()}
        bounds = tuple((float(share), float(bound)) for share, bound in kept.get("bounds", ()))
        if distribution["kind"] == "gaussian":
            return cls("gaussian", tuple(shares), bounds=bounds)
        if distribution["kind"] == "quantile":
            bands = cls("quantile", tuple(shares), tuple(distribution["levels"]), bounds=bounds)
        else:
            bands = cls("residuals", tuple(shares), tuple(kept["levels"]), tuple(kept["quantiles"]))
        bands._check(model)
        return bands

    def _check(self, model: TrainedModel) -> None:
        if not self.shares:
            return
        if not self.levels:
            raise InputError(
                f"{model.path} has no residuals.json, so a point forecast of {model.name} has no interval: train it "
                "again, or set forecast.intervals: []"
            )
        widest = 1 - 2 * max(self.levels[0], 1 - self.levels[-1])
        wider = [share for share in self.shares if share > widest + 1e-9]
        if wider:
            raise InputError(
                f"forecast.intervals: {model.name} knows quantiles from {self.levels[0]:g} to {self.levels[-1]:g}, "
                f"so its widest interval is {widest:g}; got {', '.join(f'{share:g}' for share in wider)}"
            )

    def around(self, described: NDArray[Any], point: int) -> dict[float, tuple[NDArray[Any], NDArray[Any]]]:
        """Lower and upper end of each interval, each (n,).

        Args:
            described: what the model says of each window, (n, parameters), scaled.
            point: which of the parameters is the point forecast.
        """
        numbers = described.astype(np.float64)
        found = {}
        for share in self.shares:
            lower, upper = (self._at(numbers, point, (1 + side * share) / 2) for side in (-1, 1))
            # Moved inwards by more than half its width, an interval is its middle.
            outwards = np.maximum(self._bound(share), -(upper - lower) / 2)
            found[share] = (lower - outwards, upper + outwards)
        return found

    def _bound(self, share: float) -> float:
        """How far an interval is moved outwards."""
        if not self.bounds:
            return 0.0
        shares, bounds = np.asarray(self.bounds).T
        return float(np.interp(share, shares, bounds))

    def _at(self, numbers: NDArray[np.float64], point: int, level: float) -> NDArray[np.float64]:
        """The quantile of each window's outcome at a level."""
        if self.kind == "gaussian":
            return np.asarray(numbers[:, 0] + NormalDist().inv_cdf(level) * numbers[:, 1])
        # Rounded, because (1 - 0.9) / 2 is not 0.05 to the last digit, and lies outside the levels then.
        level = round(level, 12)
        if self.kind == "residuals":
            return np.asarray(numbers[:, point] + np.interp(level, self.levels, self.offsets))
        above = min(int(np.searchsorted(self.levels, level)), len(self.levels) - 1)
        below = max(above - 1, 0) if self.levels[above] > level else above
        width = self.levels[above] - self.levels[below]
        weight = (level - self.levels[below]) / width if width else 0.0
        return np.asarray((1 - weight) * numbers[:, below] + weight * numbers[:, above])
