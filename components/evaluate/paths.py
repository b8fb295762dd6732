"""Forecasts of every row up to the horizon, by models that continue the target's path, and how each step scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from components.evaluate.baselines import History, forecast_baselines
from components.evaluate.holdout import Holdout
from components.evaluate.metrics import mae, mape, rmse
from components.shared.artifacts import Prepared, TrainedModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS = {"mae": mae, "rmse": rmse, "mape": mape}
WINDOWS_A_BLOCK = 4096


@dataclass(frozen=True)
class Paths:
    """The target over the rows after each test origin, in its own units.

    ``forecasts`` are (windows, steps) by forecaster, the model first; a baseline that has no answer for some step is
    left out. ``truth`` and ``times`` are (windows, steps).
    """

    forecasts: dict[str, NDArray[np.float64]]
    truth: NDArray[np.float64]
    times: NDArray[np.datetime64]

    @classmethod
    def of(
        cls, model: TrainedModel, prepared: Prepared, holdout: Holdout, baselines: Sequence[str], history: History
    ) -> Self | None:
        """Forecast every step; None for a model that forecasts the horizon alone."""
        if prepared.preprocessing.predict == "label":
            return None
        own = model.forecast_path(prepared, holdout.starts)
        steps = prepared.preprocessing.steps
        if own.shape[1] != steps:
            return None
        ahead = holdout.rows[:, None] + np.arange(1, steps + 1)
        by_step = [
            forecast_baselines(baselines, replace(history, horizon=step), holdout.rows)[0]
            for step in range(1, steps + 1)
        ]
        complete = [name for name in baselines if all(name in found for found in by_step)]
        stacked = {name: np.stack([found[name] for found in by_step], axis=1) for name in complete}
        return cls({model.name: own, **stacked}, np.asarray(prepared.targets[ahead]), np.asarray(prepared.times[ahead]))

    @property
    def steps(self) -> int:
        return self.truth.shape[1]

    def scores(self) -> dict[str, dict[str, list[float | None]]]:
        """Each metric by forecaster, a number a step, the nearest first; None where it is undefined."""
        return {
            name: {
                metric: [of(values[:, step], self.truth[:, step]) for step in range(self.steps)]
                for metric, of in METRICS.items()
            }
            for name, values in self.forecasts.items()
        }

    def blocks(self) -> Iterator[slice]:
        """Windows to write at a time."""
        for first in range(0, len(self.truth), WINDOWS_A_BLOCK):
            yield slice(first, first + WINDOWS_A_BLOCK)
