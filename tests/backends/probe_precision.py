"""Train a small net in a mixed precision under the backend in use; print what happened as JSON.

KERAS_BACKEND=torch python probe_precision.py mixed_float16
"""

from __future__ import annotations

import json
import sys

import keras
import numpy as np


def net() -> keras.Model:
    keras.utils.set_random_seed(1)
    window = keras.Input((16, 4))
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(window))
    hidden = keras.layers.Dropout(0.1, seed=3)(hidden)
    model = keras.Model(window, keras.layers.Dense(1, dtype="float32")(hidden))
    model.compile(keras.optimizers.Adam(1e-2), loss="mse")
    return model


def main() -> None:
    keras.config.set_dtype_policy(sys.argv[1])
    model = net()
    rng = np.random.default_rng(2)
    windows = rng.normal(size=(64, 16, 4)).astype(np.float32)
    truth = windows.mean(axis=(1, 2), keepdims=False)[:, None]
    losses = [float(model.train_on_batch(windows, truth)) for _ in range(40)]
    scaler = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    told = {"losses": losses, "scaler": scaler, "compute": model.layers[2].compute_dtype,
            "weights": model.layers[2].variable_dtype}  # fmt: skip
    if scaler:
        before = [np.array(weight) for weight in model.trainable_weights]
        scale = float(model.optimizer.dynamic_scale)
        model.train_on_batch(windows * 1e4, truth * 1e8)  # more than float16 holds
        told["scale"] = [scale, float(model.optimizer.dynamic_scale)]
        told["kept"] = all(np.array_equal(a, np.array(b)) for a, b in zip(before, model.trainable_weights, strict=True))
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
