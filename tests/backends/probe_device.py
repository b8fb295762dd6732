"""Use every part of the device seam under the backend in use; print what it said as JSON."""

from __future__ import annotations

import json
import sys

import numpy as np

from components.shared import device, memory
from components.shared.backend import BACKENDS, current
from components.shared.compilation import check, compiled
from components.shared.errors import InputError
from components.shared.parity import parity, sound_dropout


def allocate(windows: int) -> None:
    """Ask the backend for far more than any machine has, for more than two windows."""
    import keras

    keras.ops.ones((windows, 2**34 if windows > 2 else 1), dtype="float32")


def doubled() -> float | str:
    """What a compiled function gives for 21, or why it is refused."""
    import keras

    try:
        check("default", "cpu")
    except InputError as refusal:
        return str(refusal)
    double = compiled(lambda x: x + x, "default")
    return float(double(keras.ops.convert_to_tensor(21.0)))


def main() -> None:
    found = device.detect("auto")
    # Before Keras is there: it, or torch, looks for JAX itself.
    others = [name for name in BACKENDS if name != current() and name in sys.modules]
    device.apply(found)
    import keras

    keras.utils.set_random_seed(0)
    window = keras.Input((6, 2))
    model = keras.Model(window, keras.layers.Dense(3)(keras.layers.LSTM(4)(window)))
    model.compile("adam", "mse")
    windows = np.random.default_rng(0).normal(size=(8, 6, 2)).astype(np.float32)
    losses = [float(model.train_on_batch(windows, np.zeros((8, 3), np.float32))) for _ in range(3)]
    told = {
        "backend": found.backend, "accelerator": found.accelerator, "reason": found.reason, "others": others,
        "losses": losses, "parity": parity(model, windows, "cpu", found.accelerator).agrees,
        "compiled": doubled(), "dropout": [sound_dropout(found.accelerator, seed=seed).reason for seed in (None, 7)],
        "batch": memory.find_batch_size(allocate, 8, 64),
    }  # fmt: skip
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
