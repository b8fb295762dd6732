"""How far the attributions agree with permutation Shapley values, which ask for forecasts alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.explain.shapley import permutation_shapley

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.attributions import Attributions
    from components.explain.gradients import Arrays
    from components.shared.artifacts import Inputs, TrainedModel


@dataclass(frozen=True)
class Agreement:
    """``correlation`` between both methods' (sample, feature) values of the last step, and how many samples it is of.

    ``noise`` is the reference's own standard error as a share of the size of its values. The two are different values
    by definition where features interact, so a correlation is what can be asked for.
    """

    correlation: float
    noise: float
    samples: int


def compare(
    model: TrainedModel,
    inputs: Inputs,
    baselines: Inputs,
    found: Attributions,
    *,
    seed: int,
) -> Agreement:
    """Explain inputs, evenly spaced among those ``found`` explains, once more.

    The reference is of the forecast at the horizon, so it is compared with the last step; features are its groups.
    """
    names = model.input_names

    def predict(arrays: Arrays) -> NDArray[np.float32]:
        return model.predict(dict(zip(names, arrays, strict=True)))

    given, background = ([source[name] for name in names] for source in (inputs, baselines))
    features = given[0].shape[2]
    checked = permutation_shapley(predict, given, background, [[place] for place in range(features)], seed=seed)
    samples = len(given[0])
    places = np.linspace(0, len(found.values) - 1, samples).round().astype(np.int64)
    ours, theirs = found.values[places, ..., -1].sum(axis=1), checked.values[..., 0]
    size = np.abs(theirs).mean()
    together = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] if size > 0 and np.ptp(ours) > 0 else float("nan")
    return Agreement(float(together), float(checked.errors.mean() / size) if size > 0 else 0.0, samples)
