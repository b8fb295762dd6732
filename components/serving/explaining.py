"""What each feature contributed to a forecast, by the method of the explain stage that suits the model.

A network is explained against the typical window, every feature at the centre of the train rows (which is zero once
scaled), because the train windows themselves are not part of a model's folder. So with one baseline, expected gradients
are integrated gradients. Boosted trees need no baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import methods
from components.explain.config import ExplainConfig
from components.explain.explanation import QUANTITIES

if TYPE_CHECKING:
    from components.explain.methods import Method
    from components.shared.artifacts import Inputs, TrainedModel


@dataclass(frozen=True)
class Explainer:
    """Explains forecasts of one model at its horizon; compiled with the first explanation that is asked for."""

    model: TrainedModel

    @cached_property
    def _method(self) -> Method:
        manifest = self.model.preprocessing
        typical = {"window": np.zeros((1, manifest.lookback, len(manifest.features)), np.float32)}
        if "ahead" in self.model.input_names:
            typical["ahead"] = np.zeros((1, manifest.horizon, manifest.known), np.float32)
        return methods.of_model(ExplainConfig(), self.model, typical, [manifest.horizon], samples=1)

    def explain(self, inputs: Inputs, top: int) -> list[dict[str, Any]]:
        """Contributions summed over rows, strongest first, ``top`` features of each forecast.

        ``base_value + all attributions + residual`` is ``prediction``. Where the model learns a change or a log-return,
        that is what is explained: ``quantity`` and ``unit`` say so.

        Args:
            inputs: of n windows, by name.
            top: how many features to name.
        """
        found, manifest = self._method.explain(inputs, True), self.model.preprocessing
        own = manifest.target if manifest.predict == "label" else manifest.features[0]
        log_return = manifest.predict == "label" and manifest.target.transform == "log_return"
        kind = manifest.target.transform if manifest.predict == "label" else "level"
        common = {
            "base_value": float(found.base_values[-1] * own.scale + own.center),
            "quantity": QUANTITIES[kind].format(target=manifest.target.name, horizon=manifest.horizon),
            "unit": "log-return" if log_return else manifest.target.unit,
            "method": self._method.facts["name"],
        }
        parts = found.values[..., -1].sum(axis=1) * own.scale
        outputs, residuals = found.outputs[:, -1] * own.scale + own.center, found.residuals[:, -1] * own.scale
        return [
            {
                "attributions": _strongest(parts[row], manifest.feature_names, top),
                "prediction": float(outputs[row]),
                "residual": float(residuals[row]),
                **common,
            }
            for row in range(len(parts))
        ]


def _strongest(parts: Any, names: list[str], top: int) -> dict[str, float]:
    order = np.argsort(-np.abs(parts), kind="stable")[:top]
    return {names[place]: float(parts[place]) for place in order}
