"""A loaded model: checked instances to predictions in the target's own units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.forecast import checks
from components.forecast.intervals import Bands
from components.serving import compiled
from components.serving.explaining import Explainer
from components.serving.messages import Parameters, RequestError
from components.serving.windows import Instance, Reader
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.serving.compiled import Describe

USUAL_QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)


@dataclass(frozen=True)
class Predictor:
    """Answers requests with one model; ``describe`` is its compiled call."""

    model: TrainedModel
    name: str
    reader: Reader
    describe: Describe
    explainer: Explainer
    usual_quantiles: tuple[float, ...]

    @classmethod
    def load(cls, model: TrainedModel, name: str) -> Self:
        """Compile a model and ask it once, so that the first request does not pay for that.

        Raises:
            InputError: the model needs something that no request can give.
        """
        if problems := checks.model_problems(model):
            raise InputError(problems, heading=f"{name} cannot be served:")
        reader = Reader(model.preprocessing, looks_ahead="ahead" in model.input_names)
        describe = compiled.describing(model)
        manifest = model.preprocessing
        zeros = {"window": np.zeros((1, manifest.lookback, len(manifest.features)), np.float32)}
        if reader.looks_ahead:
            zeros["ahead"] = np.zeros((1, manifest.horizon, manifest.known), np.float32)
        describe(zeros)
        known = tuple(level for level in USUAL_QUANTILES if not _unknown(model, [level]))
        return cls(model, name, reader, describe, Explainer(model), known)

    def about(self) -> dict[str, Any]:
        """What the model takes and gives, for people and clients."""
        manifest = self.model.preprocessing
        return {
            "model": self.name,
            "kind": self.model.name,
            "target": manifest.target.name,
            "unit": manifest.target.unit,
            "horizon": manifest.horizon,
            "lookback": manifest.lookback,
            "time": manifest.time,
            "time_required": self.reader.needs_times,
            "columns": self.reader.columns,
            "quantiles": list(self.usual_quantiles),
        }

    def check(self, parameters: Parameters) -> None:
        """Refuse what this model cannot answer.

        Raises:
            RequestError: naming each such parameter.
        """
        if problems := _unknown(self.model, parameters.quantiles or ()):
            raise RequestError(problems)

    def predictions(
        self, instances: Sequence[Instance], described: NDArray[np.float32], parameters: Parameters
    ) -> list[dict[str, Any]]:
        """Predictions from what the model said of each instance, (n, parameters) scaled.

        Raises:
            RequestError: the model answered something that is not a number.
        """
        if not np.isfinite(described).all():
            raise RequestError("the model answers NaN or infinity for finite rows: has its training diverged?", 500,
                               "INTERNAL")  # fmt: skip
        manifest = self.model.preprocessing
        origins = np.array([instance.origin_value for instance in instances])
        points = manifest.invert(described[:, self.model.point], origins)
        levels = self.usual_quantiles if parameters.quantiles is None else parameters.quantiles
        # Inverting is increasing in the label, so quantiles of the label become quantiles of the target.
        bands = {level: manifest.invert(labels, origins) for level, labels in self._quantiles(levels, described)}
        return [
            {
                "forecast": float(points[row]),
                "quantiles": {f"{level:.6g}": float(values[row]) for level, values in bands.items()},
                "horizon": manifest.horizon,
                "unit": manifest.target.unit,
                "model": self.name,
                **self.reader.dates(instance),
            }
            for row, instance in enumerate(instances)
        ]

    def _quantiles(
        self, levels: Sequence[float], described: NDArray[np.float32]
    ) -> list[tuple[float, NDArray[np.float64]]]:
        """Each level is an end of a central interval: 0.1 the lower one of 80 %, 0.9 its upper one, 0.5 of nothing."""
        shares = {level: round(abs(2 * level - 1), 12) for level in levels}
        around = Bands.of(self.model, sorted(set(shares.values()))).around(described, self.model.point)
        return [(level, around[share][level > 0.5]) for level, share in shares.items()]

    def explanations(self, instances: Sequence[Instance], top: int) -> list[dict[str, Any]]:
        """What each feature contributed to each forecast; see :mod:`components.serving.explaining`."""
        return self.explainer.explain(self.reader.inputs(instances), top)


def _unknown(model: TrainedModel, levels: Sequence[float]) -> list[str]:
    """What is wrong with quantiles at some levels; nothing if the model knows them all."""
    try:
        Bands.of(model, sorted({round(abs(2 * level - 1), 12) for level in levels}))
    except InputError as error:
        return [f"parameters.quantiles: {problem}" for problem in error.problems]
    return []
