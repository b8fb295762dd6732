"""Small window sources of every shape, for tests of what is trained on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from components.train.models.kind import WindowShape
from components.train.source import WindowSource

ROWS, LOOKBACK, STEPS = 260, 12, 5


def of_labels(rows: int = ROWS, features: int = 4, parameters: int = 1) -> WindowSource:
    """One label a window: the first feature's next value, plus noise."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(rows, features)).astype(np.float32)
    labels = np.full(rows, np.nan, np.float32)
    labels[:-1] = values[1:, 0] + values[:-1, 1]
    distribution = {1: "point", 2: "gaussian"}.get(parameters, "quantile")
    shape = WindowShape(LOOKBACK, features, parameters=parameters, distribution=distribution)
    starts = np.arange(rows - LOOKBACK)
    return WindowSource(values, labels, {"train": starts[:170], "validation": starts[180:240]}, shape)


def of_paths(rows: int = ROWS, channels: int = 3, known: int = 2, parameters: int = 1) -> WindowSource:
    """Channels continued for some steps: a daily wave each and an effect of a covariate known ahead."""
    rng = np.random.default_rng(5)
    time = np.arange(rows)
    covariates = np.stack([time % 2 == 0, time % 3 == 0], axis=1)[:, :known].astype(np.float32)
    effect = rng.normal(size=(known, channels))
    wave = np.sin(2 * np.pi * (time[:, None] / 8 + np.arange(channels) / 5))
    values = wave + covariates @ effect + 0.05 * rng.normal(size=(rows, channels))
    features = np.ascontiguousarray(np.concatenate([values, covariates], axis=1), dtype=np.float32)
    distribution = {1: "point", 2: "gaussian"}.get(parameters, "quantile")
    shape = WindowShape(
        LOOKBACK, channels + known, STEPS, channels, known, STEPS if known else 0, parameters, distribution
    )
    starts = np.arange(rows - LOOKBACK - STEPS + 1)
    return WindowSource(features, np.zeros(0, np.float32), {"train": starts[:160], "validation": starts[180:]}, shape)


@pytest.fixture(scope="session")
def label_source() -> Callable[..., WindowSource]:
    """Makes sources of one label a window."""
    return of_labels


@pytest.fixture(scope="session")
def path_source() -> Callable[..., WindowSource]:
    """Makes sources of channels continued."""
    return of_paths
