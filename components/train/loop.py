"""Fit a model: compile, restore, run the epochs, keep the best one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.shared.errors import TandemError
from components.train import callbacks, history, models, optimization
from components.train.feeding import window_batches
from components.train.models.kind import WindowShape

if TYPE_CHECKING:
    import keras

    from components.shared.artifacts import Prepared
    from components.train.config import TrainConfig


@dataclass(frozen=True)
class Fitted:
    """A trained model and how training went; ``seconds`` and ``epochs_now`` exclude epochs before a restart."""

    model: keras.Model
    history: list[history.Row]
    best_epoch: int
    seconds: float
    epochs_now: int


def fit(config: TrainConfig, prepared: Prepared, work: Path, *, seed: int, logs: Path | None = None) -> Fitted:
    """Train the configured model on the train windows, choosing by the validation windows.

    Args:
        config: the ``train`` section.
        prepared: arrays to gather windows from.
        work: scratch folder for history, best weights and backup; training continues from what it holds.
        seed: seeds weights, shuffling and dropout; equal seeds give equal weights on a CPU.
        logs: TensorBoard folder, or None.

    Raises:
        TandemError: the validation loss is not finite in any epoch, so there is no model to keep.
    """
    import keras

    keras.utils.set_random_seed(seed)
    shape = WindowShape(prepared.preprocessing.lookback, len(prepared.preprocessing.features))
    with _precision(config.precision):
        model = models.build(config.model, shape)
    steps = -(-len(prepared.starts("train")) // config.batch_size)
    model.compile(optimization.optimizer(config, steps), loss=config.loss, jit_compile=config.xla)
    first_epoch = callbacks.restore(model, work) if config.backup else 0
    began = time.perf_counter()
    if not callbacks.already_stopped(config, model, history.read(work)[:first_epoch]):
        model.fit(
            window_batches(prepared, "train", batch_size=config.batch_size, seed=seed, first_epoch=first_epoch),
            validation_data=window_batches(prepared, "validation", batch_size=1024, seed=None),
            initial_epoch=first_epoch,
            epochs=config.epochs,
            callbacks=callbacks.build(config, work, seed, first_epoch, logs),
            shuffle=False,  # the dataset shuffles windows by (seed, epoch); Keras would shuffle batches by global state
            verbose=0,
        )
    return _choose(config, model, work, time.perf_counter() - began, first_epoch)


def _choose(config: TrainConfig, model: keras.Model, work: Path, seconds: float, first_epoch: int) -> Fitted:
    rows = history.read(work)
    lowest = history.best(rows)
    if not math.isfinite(lowest):
        raise TandemError(
            "the validation loss is not finite in any epoch, so there is no model to keep: "
            "lower train.optimizer.learning_rate, set train.optimizer.clip_norm, or use train.precision=float32"
        )
    if not config.best_checkpoint:
        return Fitted(model, rows, len(rows) - 1, seconds, len(rows) - first_epoch)
    model.load_weights(work / callbacks.BEST)
    best = [row["val_loss"] for row in rows].index(lowest)
    return Fitted(model, rows, best, seconds, len(rows) - first_epoch)


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Build layers under a precision policy without leaving it set for whoever shares the process."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
