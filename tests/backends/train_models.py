"""Train each registered model for three steps under the backend in use, and save it with a prediction.

    KERAS_BACKEND=torch python train_models.py FOLDER

FOLDER gets one folder a case, ``<kind>-<shape>``, with ``model.keras``, ``inputs.npz`` and ``forecast.npy``. Printed as
JSON: what became of each case, ``trained`` or why the model takes no such shape.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.train import models
from components.train.models.kind import WindowShape

SHAPES = {
    "label": WindowShape(lookback=24, features=5),
    "panel": WindowShape(lookback=24, features=5, steps=8, channels=5),
    "known-ahead": WindowShape(lookback=24, features=5, steps=8, channels=3, known=2, ahead=8),
    "quantiles": WindowShape(lookback=24, features=5, steps=8, channels=2, parameters=3, distribution="quantile"),
}
WINDOWS = 16


def train(kind: str, shape: WindowShape, folder: Path) -> str:
    keras.utils.set_random_seed(11)
    try:
        model = models.build(models.REGISTRY[kind].config(kind=kind), shape)
    except ValueError as refusal:
        return f"refused: {refusal}"
    rng = np.random.default_rng(5)
    arrays = {tensor.name: _noise(rng, *tensor.shape[1:]) for tensor in model.inputs}
    inputs = list(arrays.values()) if len(arrays) > 1 else next(iter(arrays.values()))
    truth = _noise(rng, *shape.output)
    # XLA would compile for longer than three steps of training are worth; JAX compiles in any case.
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=keras.config.backend() == "jax")
    before = [np.array(weight) for weight in model.get_weights()]
    for _ in range(3):
        model.train_on_batch(inputs, truth)
    if all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)):
        return "failed: three steps changed no weight"
    folder.mkdir(parents=True)
    forecast: Any = model.predict_on_batch(inputs)
    model.save(folder / "model.keras")
    np.savez(folder / "inputs.npz", **arrays)
    np.save(folder / "forecast.npy", np.asarray(forecast))
    return "trained"


def _noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=(WINDOWS, *shape)).astype(np.float32)


def main() -> None:
    folder, outcomes = Path(sys.argv[1]), {}
    networks = [kind for kind, registered in models.REGISTRY.items() if registered.build is not None]
    for kind in networks:
        for name, shape in SHAPES.items():
            try:
                outcomes[f"{kind}-{name}"] = train(kind, shape, folder / f"{kind}-{name}")
            except Exception as error:  # each case is judged by a test of its own
                outcomes[f"{kind}-{name}"] = f"failed: {type(error).__name__}: {str(error)[:500]}"
    print(json.dumps(outcomes))  # noqa: T201


if __name__ == "__main__":
    main()
