"""Fit a model: compile, restore, run the epochs, keep the best one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.distribution import scope
from components.shared.errors import TandemError
from components.train import callbacks, feeding, history, losses, mode, models, optimization, replication
from components.train.source import WindowSource, epoch_order
from components.train.stepping import Stepper, stepper

if TYPE_CHECKING:
    import keras

    from components.shared.device import Device
    from components.shared.distribution import Distribution
    from components.shared.preprocessing import TargetScaling
    from components.train.config import TrainConfig


@dataclass(frozen=True)
class Fitted:
    """A trained model and how training went; ``seconds`` and ``epochs_now`` exclude epochs before a restart."""

    model: keras.Model
    history: list[history.Row]
    best_epoch: int
    seconds: float
    epochs_now: int
    how: mode.Mode


def fit(
    config: TrainConfig,
    source: WindowSource,
    work: Path,
    *,
    seed: int,
    target: TargetScaling | None = None,
    device: Device | None = None,
    distribution: Distribution | None = None,
    logs: Path | None = None,
    watch: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Train the configured model on the train windows, choosing by the validation windows.

    Args:
        config: the ``train`` section.
        source: arrays to gather windows from.
        work: scratch folder for history, best weights and backup; training continues from what it holds.
        seed: seeds weights, shuffling and dropout; equal seeds give equal weights on a CPU.
        target: scale of the label, for losses that read it.
        device: where it runs; None for the CPU.
        distribution: what trains together; None for one device.
        logs: TensorBoard folder, or None.
        watch: callbacks that run after all others.

    Raises:
        InputError: the configuration asks for what several replicas cannot do.
        TandemError: the validation loss is not finite in any epoch, so there is no model to keep; or workers disagree
            about the epochs that an interrupted training had finished.
    """
    if (grow := models.REGISTRY[config.model.kind].fit) is not None:
        return grow(config, source, work, seed=seed, device=device, watch=watch)

    def build(precision: str, xla: bool) -> tuple[keras.Model, Stepper]:
        return compiled(
            config, source, seed=seed, target=target, precision=precision, xla=xla, distribution=distribution
        )

    replication.check(config, distribution)
    resident = feeding.fits_on_device(source, device)
    how = mode.choose(config, source, device, build if resident else None, distribution)
    model, steps = build(how.precision, how.xla)
    first_epoch = callbacks.restore(model, work) if config.backup else 0
    replication.agree(distribution, first_epoch)
    if first_epoch == 0:
        models.initialise(model, config.model, source)
    began = time.perf_counter()
    if not callbacks.already_stopped(config, model, history.read(work)[:first_epoch]):
        around = [*callbacks.build(config, work, seed, first_epoch, logs), *watch]
        if resident:
            _run_on_device(config, model, steps, source, around, seed, first_epoch)
        else:
            _run_from_host(config, model, source, around, seed, first_epoch)
    seconds = time.perf_counter() - began
    rows, best = _choose(config, model, work)
    if distribution is not None and distribution.kind != "single":
        model = _of_one_device(config, source, model, seed, how)
    models.finish(model, config.model, source)
    return Fitted(model, rows, best, seconds, len(rows) - first_epoch, how)


def compiled(
    config: TrainConfig,
    source: WindowSource,
    *,
    seed: int,
    target: TargetScaling | None,
    precision: str = "float32",
    xla: bool = False,
    distribution: Distribution | None = None,
) -> tuple[keras.Model, Stepper]:
    """A fresh model with its optimizer and its stepper; equal seeds give equal ones."""
    import keras

    keras.utils.set_random_seed(seed)
    loss = losses.build(config.loss, target)
    with scope(distribution):
        with _precision(precision):
            model = models.build(config.model, source.shape)
        model.compile(
            optimization.optimizer(config, -(-len(source.starts["train"]) // config.windows_a_step)),
            loss=loss,
            jit_compile=xla,
            steps_per_execution=feeding.STEPS_PER_EXECUTION,
        )
        return model, stepper(model, loss, source, xla=xla, compile_mode=config.compile_mode)


def _of_one_device(config: TrainConfig, source: WindowSource, trained: keras.Model, seed: int, how: mode.Mode) -> Any:
    """The trained model outside the strategy: what the chief does with it alone must wait for nobody."""
    import keras

    keras.utils.set_random_seed(seed)
    with _precision(how.precision):
        model = models.build(config.model, source.shape)
    model.set_weights(trained.get_weights())
    return model


def _run_on_device(
    config: TrainConfig, model: keras.Model, steps: Stepper, source: WindowSource, around: Any, seed: int, first: int
) -> None:
    """Train with the arrays on the device, an epoch at a time."""
    import keras

    train = np.asarray(source.starts["train"], dtype=np.int32)
    validation = np.asarray(source.starts["validation"], dtype=np.int32)
    told = keras.callbacks.CallbackList(around, model=model, epochs=config.epochs)
    model.stop_training = False
    told.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(first, config.epochs):
        told.on_epoch_begin(epoch)
        order = train[epoch_order(len(train), seed, epoch)]
        logs = {"loss": steps.train(order, config.windows_a_step), "val_loss": steps.evaluate(validation)}
        told.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    told.on_train_end(logs)


def _run_from_host(
    config: TrainConfig, model: keras.Model, source: WindowSource, around: Any, seed: int, first: int
) -> None:
    """Train with the arrays in host memory, for arrays that the device has no room for."""
    windows, order = feeding.window_batches(model, source, "train", batch_size=config.windows_a_step, seed=seed)
    validation, _ = feeding.window_batches(model, source, "validation", batch_size=1024, seed=None)
    model.fit(
        windows,
        validation_data=validation,
        initial_epoch=first,
        epochs=config.epochs,
        callbacks=[order, *around],
        shuffle=False,  # windows are shuffled by (seed, epoch); Keras would shuffle batches by global state
        verbose=0,
    )


def _choose(config: TrainConfig, model: keras.Model, work: Path) -> tuple[list[history.Row], int]:
    """Give the model the weights to keep; returns the history and the epoch they are from."""
    rows = history.read(work)
    lowest = history.best(rows)
    if not math.isfinite(lowest):
        raise TandemError(
            "the validation loss is not finite in any epoch, so there is no model to keep: "
            "lower train.optimizer.learning_rate, set train.optimizer.clip_norm, or use train.precision=float32"
        )
    if not config.best_checkpoint:
        return rows, len(rows) - 1
    model.load_weights(work / callbacks.BEST)
    return rows, [row["val_loss"] for row in rows].index(lowest)


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
