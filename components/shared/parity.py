"""Does a device compute what the CPU computes? Checked on the user's own network before its results are believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.shared.device import Accelerator, on

TOLERANCE = 1e-3
"""Largest difference over the spread of the outputs: float32 sums in another order stay well below it."""


@dataclass(frozen=True)
class Parity:
    """Largest difference between two devices, absolute and as a share of the spread of the first one's outputs."""

    agrees: bool
    largest: float
    relative: float
    reason: str


def parity(
    model: Any,
    windows: Any,
    device_a: Accelerator = "cpu",
    device_b: Accelerator = "metal",
    tolerance: float = TOLERANCE,
) -> Parity:
    """Run the same network with the same weights on two devices and compare the outputs.

    Args:
        model: a built Keras model; it is cloned onto each device, itself left as it is.
        windows: its input, one array or a dict of them, a few windows.
        device_a: the one to believe.
        device_b: the one to check.
        tolerance: largest difference, as a share of the standard deviation of ``device_a``'s outputs, that agrees.
    """
    expected, received = (_outputs(model, windows, where) for where in (device_a, device_b))
    if not np.isfinite(received).all():
        return Parity(False, float("inf"), float("inf"), f"{device_b} gives numbers that are not finite")
    largest = float(np.abs(expected - received).max())
    relative = largest / max(float(expected.std()), float(np.finfo(np.float32).tiny))
    agrees = relative <= tolerance
    verb = "agree" if agrees else "do not agree"
    reason = (
        f"{device_a} and {device_b} {verb}: largest difference {largest:.2g}, {relative:.2g} of the outputs' spread"
    )
    return Parity(agrees, largest, relative, f"{reason} (tolerance {tolerance:.2g})")


def _outputs(model: Any, windows: Any, where: Accelerator) -> NDArray[np.float64]:
    import keras

    with on(where):
        twin = keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
        outputs = keras.tree.flatten(twin(windows, training=False))
        return np.concatenate([np.ravel(keras.ops.convert_to_numpy(part)).astype(np.float64) for part in outputs])
