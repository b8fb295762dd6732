"""How far a trained model's point forecasts are off on the validation windows: ``residuals.json``.

A model that forecasts one number has no interval of its own; the quantiles of these errors give it one. They are a
little narrow, because the validation windows also chose the epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.shared.files import write_json
from components.train.stepping import fed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.train.source import WindowSource

NAME = "residuals.json"
LEVELS = tuple(round(level, 3) for level in np.arange(0.005, 1.0, 0.005).tolist())
WINDOWS_A_BATCH = 1024


def validation_errors(model: keras.Model, source: WindowSource, point: int) -> NDArray[np.float64]:
    """Label less point forecast of each validation window, in scaled units: (windows,) or (windows, steps, channels).

    Args:
        model: maps a batch of windows to forecasts.
        source: the windows.
        point: which of the numbers that describe a forecast is its point.
    """
    from keras import ops

    starts = np.asarray(source.starts["validation"])
    parts = []
    for first in range(0, len(starts), WINDOWS_A_BATCH):
        inputs, labels = source.host_batch(starts[first : first + WINDOWS_A_BATCH])
        given = fed(model, inputs) if hasattr(model, "inputs") else inputs  # trees take what they are given
        forecast = ops.convert_to_numpy(model(given, training=False)).astype(np.float64)
        if not source.shape.channels:
            forecast, labels = forecast[:, point], labels[:, 0]
        elif source.shape.parameters > 1:
            forecast = forecast[..., point]
        parts.append(labels - forecast)
    return np.concatenate(parts)


def at_horizon(model: keras.Model, source: WindowSource, point: int) -> NDArray[np.float64]:
    """The same for the target at the horizon alone, (windows,): of a path, its last step and leading channel."""
    errors = validation_errors(model, source, point)
    return errors[:, -1, 0] if source.shape.channels else errors


def write(folder: Path, errors: NDArray[np.float64]) -> None:
    """Write the quantiles of scaled errors, at every half percent, into a model folder."""
    quantiles = np.quantile(errors, LEVELS)
    content = {"split": "validation", "windows": len(errors), "levels": LEVELS, "quantiles": quantiles.tolist()}
    write_json(folder / NAME, content)
