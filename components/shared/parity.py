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


def sound_dropout(where: Accelerator, *, rate: float = 0.3, units: int = 4096, seed: int | None = None) -> Parity:
    """Check dropout on a device: its share, its scale, its change from step to step, and its gradient.

    Random numbers and masks are where MPS has been wrong: the same numbers every time (pytorch#84516, #78009), masks of
    zeros (#85611), a mask of another shape applied wrongly (#150967). One step of training tells: with plain gradient
    descent at rate 1 on ``mean(dropout(bias))``, the change of the bias is the mask of the backward pass, and the loss
    is what the mask of the forward pass left; both are one mask only if the two sums agree.

    Args:
        where: the device to check.
        rate: share of the units to drop.
        units: how many there are.
        seed: of the Dropout layer. Under torch, Keras draws a mask of its own when there is one, and leaves all to
            torch's dropout kernels when there is none: two things to check.
    """
    import keras

    weights = np.random.default_rng(7).uniform(0.5, 1.5, units).astype(np.float32)
    with on(where):
        window = keras.Input((1,))
        bias = keras.layers.Dense(units, kernel_initializer="zeros")
        model = keras.Model(window, keras.layers.Dropout(rate, seed=seed)(bias(window)))
        model.compile(keras.optimizers.SGD(1.0), loss=lambda _, out: keras.ops.mean(out), run_eagerly=True)
        nothing = np.zeros((1, 1), np.float32)
        masks, sums = [], []
        for _ in range(2):
            bias.bias.assign(weights)
            sums.append(float(model.train_on_batch(nothing, np.zeros((1, units), np.float32))))
            after = keras.ops.convert_to_numpy(bias.bias)
            masks.append((weights - after) * units * (1 - rate))  # 1 where a unit was kept, 0 where dropped
    return _judge(masks, sums, weights, rate)


def _judge(masks: list[NDArray[Any]], sums: list[float], weights: NDArray[Any], rate: float) -> Parity:
    units = weights.size
    faults = []
    kept = float(np.mean([np.mean(mask > 0.5) for mask in masks]))
    if abs(kept - (1 - rate)) > 5 * np.sqrt(rate * (1 - rate) / (units * len(masks))):
        faults.append(f"keeps {kept:.3f} of the units at rate {rate:g}")
    uneven = float(max(np.abs(mask - np.round(mask)).max() for mask in masks))
    if uneven > 0.05 or max(mask.max() for mask in masks) > 1.5:
        faults.append("does not scale what it keeps by 1 / (1 - rate)")
    if np.array_equal(np.round(masks[0]), np.round(masks[1])):
        faults.append("draws the same mask at every step")
    expected = [float(np.round(mask) @ weights) / (units * (1 - rate)) for mask in masks]
    worst = max(abs(seen - wanted) for seen, wanted in zip(sums, expected, strict=True))
    if worst > 1e-3:
        faults.append("has another mask in its gradient than in its output")
    return Parity(not faults, worst, worst, f"dropout {' and '.join(faults)}" if faults else "dropout is sound")
