"""Intervals of the target at the horizon, as far as the model knows them; how they are made is the forecast room's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from components.forecast.intervals import Bands
from components.scenario.outcome import Band
from components.shared.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.shared.artifacts import TrainedModel

SHARES = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class HorizonBands:
    """Intervals that a model has of :data:`SHARES`, narrow to wide; ``missing`` says why it lacks others."""

    model: TrainedModel
    bands: tuple[Bands, ...]
    missing: str

    @classmethod
    def of(cls, model: TrainedModel) -> Self:
        """Those intervals that the model knows; a model may know none."""
        found, missing = [], ""
        for share in SHARES:
            try:
                found.append(Bands.of(model, (share,)))
            except InputError as error:
                missing = str(error)
        return cls(model, tuple(found), missing)

    @property
    def method(self) -> str:
        """What the intervals are made from; empty when there are none."""
        return self.bands[0].method if self.bands else ""

    @property
    def shares(self) -> list[float]:
        """Which intervals there are."""
        return [share for bands in self.bands for share in bands.shares]

    def around(self, described: NDArray[np.float32], origins: NDArray[np.float64]) -> list[Band]:
        """Intervals of one window in the target's unit.

        Args:
            described: the numbers that describe its forecast at the horizon, (1, parameters), scaled.
            origins: the target at its origin, (1,).
        """
        found = []
        for bands in self.bands:
            for share, ends in bands.around(described, self.model.point).items():
                lower, upper = (float(self.model.preprocessing.invert(end, origins)[0]) for end in ends)
                found.append(Band(share=share, lower=lower, upper=upper))
        return found
