"""Models small enough to be known exactly, and their windows."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

LOOKBACK, FEATURES = 6, 4


@pytest.fixture
def windows() -> Callable[[int, int], np.ndarray]:
    """Seeded windows (count, 6, 4)."""

    def make(count: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(count, LOOKBACK, FEATURES)).astype(np.float32)

    return make


@pytest.fixture
def lstm() -> keras.Model:
    keras.utils.set_random_seed(1)
    window = keras.Input((LOOKBACK, FEATURES), name="window")
    return keras.Model(window, keras.layers.Dense(1)(keras.layers.LSTM(8)(window)))


@pytest.fixture
def linear() -> Callable[[np.ndarray], keras.Model]:
    """A network that is a weighted sum of its window, plus 0.7: weights (6, 4), or (6, 4, outputs)."""

    def make(weights: np.ndarray) -> keras.Model:
        window = keras.Input((LOOKBACK, FEATURES), name="window")
        outputs = weights.size // (LOOKBACK * FEATURES)
        dense = keras.layers.Dense(outputs)
        model = keras.Model(window, dense(keras.layers.Flatten()(window)))
        dense.set_weights([weights.reshape(-1, outputs), np.full(outputs, 0.7, dtype=np.float32)])
        return model

    return make
