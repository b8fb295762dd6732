"""How sure a model itself says it is: its own quantiles of every forecast, before anything is calibrated.

``quantiles``   it was trained to forecast them (``train.loss: quantile``)
``gaussian``    it forecasts a mean and a deviation
``mc_dropout``  it is a network with dropout: quantiles of its thinned networks' forecasts
``none``        it forecasts one number
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from components.evaluate.probabilistic import LEVELS
from components.shared import monte_carlo
from components.shared.artifacts import Prepared, TrainedModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

Source = Literal["quantiles", "gaussian", "mc_dropout", "none"]


@dataclass(frozen=True)
class Spread:
    """A model's own quantiles at :data:`~components.evaluate.probabilistic.LEVELS`, and where they come from."""

    source: Source
    sampler: monte_carlo.MonteCarlo | None = None

    @classmethod
    def of(cls, model: TrainedModel, *, passes: int, seed: int = 0) -> Spread:
        """What a model offers; ``passes`` of Monte Carlo dropout, 0 for none."""
        kind = model.signature.get("distribution", {}).get("kind", "point")
        if kind == "quantile":
            return cls("quantiles")
        if kind == "gaussian":
            return cls("gaussian")
        if not passes or monte_carlo.why_not(model):
            return cls("none")
        return cls("mc_dropout", monte_carlo.MonteCarlo.of(model, passes=passes, seed=seed))

    def quantiles(self, model: TrainedModel, prepared: Prepared, starts: NDArray[np.int64]) -> Values | None:
        """Quantiles of the target at the horizon, in its own units, (windows, levels); None where there are none."""
        if self.source == "none":
            return None
        if self.sampler is not None:
            return _of_sample(self.sampler.forecast(prepared, starts)[:, :, -1])
        described = model.describe(prepared.inputs(starts, model.input_names)).astype(np.float64)
        scaled = _gaussian(described) if self.source == "gaussian" else _between(described, _levels(model))
        return model.preprocessing.invert(scaled, np.asarray(prepared.targets[prepared.origins(starts)])[:, None])


def _of_sample(sample: Values) -> Values:
    """Quantiles of (passes, windows) forecasts: (windows, levels)."""
    return np.asarray(np.quantile(sample, LEVELS, axis=0).T)


def _gaussian(described: Values) -> Values:
    from scipy.stats import norm

    return np.asarray(described[:, :1] + described[:, 1:2] * norm.ppf(LEVELS))


def _levels(model: TrainedModel) -> Values:
    return np.asarray(model.signature["distribution"]["levels"], dtype=np.float64)


def _between(described: Values, levels: Values) -> Values:
    """Quantiles between those a model gives; beyond its outermost ones, the outermost."""
    at = np.clip(LEVELS, levels[0], levels[-1])
    above = np.clip(np.searchsorted(levels, at), 1, len(levels) - 1)
    weight = (at - levels[above - 1]) / (levels[above] - levels[above - 1])
    return np.asarray((1 - weight) * described[:, above - 1] + weight * described[:, above])
