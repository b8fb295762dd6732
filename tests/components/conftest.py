"""Small real artifacts for tests of a single stage: a prepared folder and a model trained on nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.shared.artifacts import Prepared
from components.shared.files import new_folder, write_json
from components.shared.preprocessing import FeatureScaling, Preprocessing, SplitRows, TargetScaling

ROWS, FEATURES, LOOKBACK, HORIZON = 400, 5, 12, 7


def write_prepared(path: Path, *, transform: str = "difference") -> Path:
    """A prepared artifact over a seeded random walk; feature 0 is the target's own history, the others noise."""
    rng = np.random.default_rng(7)
    targets = 50.0 + rng.normal(0, 0.5, ROWS).cumsum()
    noise = rng.normal(size=(ROWS, FEATURES - 1))
    raw = np.column_stack([targets, noise])
    center, scale = raw[:250].mean(axis=0), raw[:250].std(axis=0)
    target = TargetScaling(
        name="price", unit="USD", transform=transform, center=50.0 if transform == "level" else 0.0, scale=2.0
    )
    labels = np.full(ROWS, np.nan, dtype=np.float32)
    labels[:-HORIZON] = target.label(targets[HORIZON:], targets[:-HORIZON])
    times = np.datetime64("2020-01-01", "us") + np.arange(ROWS).astype("timedelta64[D]")
    bounds = {"train": (LOOKBACK - 1, 249), "validation": (257, 319), "test": (327, ROWS - HORIZON - 1)}
    names = ["price", *(f"noise_{i}" for i in range(1, FEATURES))]
    with new_folder(path) as scratch:
        np.save(scratch / "features.npy", ((raw - center) / scale).astype(np.float32))
        np.save(scratch / "labels.npy", labels)
        np.save(scratch / "targets.npy", targets)
        np.save(scratch / "times.npy", times)
        for split, (first, last) in bounds.items():
            np.save(scratch / f"starts-{split}.npy", np.arange(first, last + 1) - (LOOKBACK - 1))
        Preprocessing(
            time="date",
            features=tuple(
                FeatureScaling(name=n, fill=0.0, center=c, scale=s)
                for n, c, s in zip(names, center, scale, strict=True)
            ),
            target=target,
            lookback=LOOKBACK,
            horizon=HORIZON,
            horizon_name=str(HORIZON),
            splits={
                split: SplitRows(
                    first=first,
                    last=last,
                    first_date=str(times[first])[:10],
                    last_date=str(times[last])[:10],
                    windows=last - first + 1,
                )
                for split, (first, last) in bounds.items()
            },
            embargo=HORIZON,
            rows=ROWS,
            source_digest="sha256:test",
        ).write(scratch / "preprocessing.json")
    return path


def write_model(path: Path, prepared: Path) -> Path:
    """A model artifact with random, seeded weights: flatten, one tanh layer, one output."""
    import keras

    keras.utils.set_random_seed(3)
    preprocessing = Prepared.open(prepared).preprocessing
    window = keras.Input((preprocessing.lookback, len(preprocessing.features)), name="window")
    hidden = keras.layers.Dense(8, activation="tanh")(keras.layers.Flatten()(window))
    model = keras.Model(window, keras.layers.Dense(1, name="forecast")(hidden))
    with new_folder(path) as scratch:
        model.save(scratch / "model.keras")
        preprocessing.write(scratch / "preprocessing.json")
        shape = [None, preprocessing.lookback, len(preprocessing.features)]
        write_json(
            scratch / "signature.json",
            {"kind": "feedforward", "inputs": {"window": shape}, "outputs": {"forecast": [None, 1]}},
        )
        (scratch / "config.yaml").write_text("model:\n  kind: feedforward\n")
        (scratch / "history.csv").write_text("epoch,loss,val_loss\n0,1.0,1.1\n")
        write_json(scratch / "environment.json", {"python": "3", "keras": keras.__version__})
    return path


def write_network(path: Path, prepared: Path, kind: str, **settings: Any) -> Path:
    """A model artifact of a registered kind of network with random, seeded weights, for labels."""
    import keras

    from components.train import models
    from components.train.models.kind import WindowShape

    keras.utils.set_random_seed(5)
    preprocessing = Prepared.open(prepared).preprocessing
    shape = WindowShape(preprocessing.lookback, len(preprocessing.features))
    model = models.build(models.REGISTRY[kind].config(kind=kind, **settings), shape)
    with new_folder(path) as scratch:
        model.save(scratch / "model.keras")
        preprocessing.write(scratch / "preprocessing.json")
        given = {"window": [None, shape.lookback, shape.features]}
        write_json(scratch / "signature.json", {"kind": kind, "inputs": given, "outputs": {"forecast": [None, 1]}})
    return path


@pytest.fixture(scope="session")
def network_folder(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path) -> Callable[..., Path]:
    """Writes a model artifact of a kind of network, with its settings, on the prepared random walk."""

    def write(kind: str, **settings: Any) -> Path:
        return write_network(tmp_path_factory.mktemp("network") / "model", prepared_folder, kind, **settings)

    return write


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("prepared") / "prepared")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model", prepared_folder)


@pytest.fixture(scope="session")
def level_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared with the level as label, which the target's own history predicts."""
    return write_prepared(tmp_path_factory.mktemp("level") / "prepared", transform="level")


@pytest.fixture(scope="session")
def needs_xla() -> None:
    """Skips where TensorFlow cannot compile with XLA: its build for TPU has no XLA for the CPU."""
    import tensorflow as tf

    try:
        tf.function(lambda value: value + 1.0, jit_compile=True)(tf.constant(1.0))
    except tf.errors.NotFoundError as error:
        pytest.skip(f"this TensorFlow has no XLA for this device: {error.message}")
