"""How far a trained model's point forecasts are off on the validation windows: ``residuals.json``.

A model that forecasts one number has no interval of its own; the quantiles of these errors give it one. For one that
forecasts quantiles or a Gaussian, ``bounds`` say how far its own intervals are to be moved outwards to hold what they
promise: conformalised quantiles (Romano, Patterson and Candès 2019). Both are a little narrow, because the validation
windows also chose the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.forecast.intervals import Bands
from components.shared.files import write_json
from components.train.stepping import fed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.train.source import WindowSource

NAME = "residuals.json"
LEVELS = tuple(round(level, 3) for level in np.arange(0.005, 1.0, 0.005).tolist())
SHARES = tuple(round(share, 2) for share in np.arange(0.1, 1.0, 0.05).tolist())
"""Central intervals that get a bound; between two of them it is interpolated."""
WINDOWS_A_BATCH = 1024


def validation_errors(model: keras.Model, source: WindowSource, point: int) -> NDArray[np.float64]:
    """Label less point forecast of each validation window, in scaled units: (windows,) or (windows, steps, channels).

    Args:
        model: maps a batch of windows to forecasts.
        source: the windows.
        point: which of the numbers that describe a forecast is its point.
    """
    described, labels = on_validation(model, source)
    if not source.shape.channels:
        return np.asarray(labels[:, 0] - described[:, point])
    return np.asarray(labels - (described[..., point] if source.shape.parameters > 1 else described))


def on_validation(model: keras.Model, source: WindowSource) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All that a model says of the validation windows, and what came true, as the model and the source give them."""
    from keras import ops

    starts = np.asarray(source.starts["validation"])
    said, came = [], []
    for first in range(0, len(starts), WINDOWS_A_BATCH):
        inputs, labels = source.host_batch(starts[first : first + WINDOWS_A_BATCH])
        given = fed(model, inputs) if hasattr(model, "inputs") else inputs  # trees take what they are given
        said.append(ops.convert_to_numpy(model(given, training=False)).astype(np.float64))
        came.append(labels)
    return np.concatenate(said), np.concatenate(came)


def at_horizon(model: keras.Model, source: WindowSource, point: int) -> NDArray[np.float64]:
    """The same for the target at the horizon alone, (windows,): of a path, its last step and leading channel."""
    errors = validation_errors(model, source, point)
    return errors[:, -1, 0] if source.shape.channels else errors


def interval_bounds(
    model: keras.Model, source: WindowSource, distribution: Mapping[str, Any]
) -> list[tuple[float, float]]:
    """How far outwards each central interval of the model is to be moved, as (share, bound in scaled units).

    The bound of a share is the ``ceil((n + 1) share)``-th smallest of how far outcomes lie outside the interval, below
    zero inside. Empty for a model that forecasts one number.

    Args:
        model: maps a batch of windows to the numbers that describe each forecast.
        source: the windows.
        distribution: what those numbers are, as in a model's signature.
    """
    if distribution["kind"] == "point":
        return []
    described, labels = on_validation(model, source)
    if source.shape.channels:
        described, labels = described[:, -1, 0], labels[:, -1, 0]
    levels = tuple(distribution.get("levels", ()))
    widest = 1 - 2 * max(levels[0], 1 - levels[-1]) if levels else SHARES[-1]
    bands = Bands(distribution["kind"], tuple(share for share in SHARES if share <= widest + 1e-9), levels)
    found = []
    for share, (lower, upper) in bands.around(described, int(distribution["point"])).items():
        scores = np.sort(np.maximum(lower - labels.ravel(), labels.ravel() - upper))
        rank = min(math.ceil((len(scores) + 1) * share - 1e-9), len(scores))
        found.append((share, float(scores[rank - 1])))
    return found


def write(folder: Path, errors: NDArray[np.float64], bounds: Sequence[tuple[float, float]] = ()) -> None:
    """Write the quantiles of scaled errors, at every half percent, and the bounds of intervals into a model folder."""
    quantiles = np.quantile(errors, LEVELS)
    content = {"split": "validation", "windows": len(errors), "levels": LEVELS, "quantiles": quantiles.tolist()}
    write_json(folder / NAME, {**content, "bounds": list(bounds)} if bounds else content)
