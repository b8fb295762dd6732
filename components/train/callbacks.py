"""What happens around an epoch: seeds, history, best weights, backup, early stopping, progress.

A killed training goes on exactly where it was. Everything random is a function of (seed, epoch), what callbacks
remember is replayed from the history of the finished epochs, and a backup is one file that appears whole.
Keras's own ``BackupAndRestore`` writes weights and epoch number as two files and forgets what early stopping,
plateau and best checkpoint had seen, so a kill at the wrong instant changes the result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared import progress
from components.train import history

if TYPE_CHECKING:
    import keras

    from components.train.config import TrainConfig

BEST = "best.weights.h5"


def build(config: TrainConfig, work: Path, seed: int, first_epoch: int, logs: Path | None) -> list[Any]:
    """Callbacks in the order they must run.

    Args:
        config: the ``train`` section.
        work: folder that holds history, best weights and backup while training.
        seed: seeds dropout, epoch by epoch.
        first_epoch: epochs an interrupted training had finished.
        logs: TensorBoard folder, or None.
    """
    import keras

    memory = _with_memory(config)
    chosen = [
        _epoch_seeds(seed),
        *memory,
        _replay(config, work, memory, first_epoch),
        _record(config, work),
        _progress(),
    ]
    if logs is not None:
        chosen.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))
    return chosen


def restore(model: keras.Model, work: Path) -> int:
    """Load the newest backup into a compiled model and its optimizer; returns the epochs it had finished, 0 if none."""
    newest = max(work.glob("epoch-*.weights.h5"), default=None)
    if newest is None:
        return 0
    model.optimizer.build(model.trainable_variables)
    model.load_weights(newest)
    return int(newest.name.split(".")[0].removeprefix("epoch-"))


def already_stopped(config: TrainConfig, model: keras.Model, rows: list[history.Row]) -> bool:
    """Whether an interrupted training had run its last epoch: all of them, or early stopping had spoken."""
    for callback in _with_memory(config):
        callback.set_model(model)
        callback.on_train_begin()
        _show(callback, rows)
    return len(rows) >= config.epochs or bool(model.stop_training)


def _show(callback: keras.callbacks.Callback, rows: list[history.Row]) -> None:
    for row in rows:
        callback.on_epoch_end(int(row["epoch"]), dict(row))


def _with_memory(config: TrainConfig) -> list[keras.callbacks.Callback]:
    """Callbacks that decide by what earlier epochs brought."""
    import keras

    chosen: list[keras.callbacks.Callback] = []
    if config.early_stopping:
        stop = config.early_stopping
        chosen.append(keras.callbacks.EarlyStopping("val_loss", stop.min_delta, stop.patience))
    if config.schedule.kind == "plateau":
        plateau = config.schedule
        chosen.append(
            keras.callbacks.ReduceLROnPlateau(
                "val_loss", factor=plateau.factor, patience=plateau.patience, min_lr=plateau.minimum
            )
        )
    return chosen


def _epoch_seeds(seed: int) -> keras.callbacks.Callback:
    import keras

    class EpochSeeds(keras.callbacks.Callback):
        """Set every dropout's random state to a function of (seed, epoch)."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            states = [v for v in self.model.variables if v.path.endswith("seed_generator_state")]
            for position, state in enumerate(states):
                state.assign(np.random.default_rng([seed, epoch, position]).integers(0, 2**31, state.shape))

    return EpochSeeds()


def _replay(config: TrainConfig, work: Path, memory: list[Any], first_epoch: int) -> keras.callbacks.Callback:
    import keras

    class Replay(keras.callbacks.Callback):
        """Show the finished epochs to the callbacks with memory, which fit has just reset."""

        def on_train_begin(self, logs: Any = None) -> None:
            rows = history.read(work)[:first_epoch]
            history.write(work, rows)  # rows beyond the backup belong to an epoch that runs again
            if rows and config.schedule.kind == "plateau":
                self.model.optimizer.learning_rate = config.optimizer.learning_rate
            for callback in memory:
                _show(callback, rows)

    return Replay()


def _record(config: TrainConfig, work: Path) -> keras.callbacks.Callback:
    import keras

    class Record(keras.callbacks.Callback):
        """Keep the history, the best weights and, last, the backup that says the epoch is done."""

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rows = history.read(work)
            row = {"epoch": float(epoch), **{key: float(value) for key, value in (logs or {}).items()}}
            row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            if config.best_checkpoint and row["val_loss"] < history.best(rows):
                self._save(BEST)
            history.write(work, [*rows, row])
            if config.backup:
                self._save(f"epoch-{epoch + 1:05d}.weights.h5")
                for old in sorted(work.glob("epoch-*.weights.h5"))[:-1]:
                    old.unlink()

        def _save(self, name: str) -> None:
            scratch = work / f"next-{name}"
            self.model.save_weights(scratch, overwrite=True)
            scratch.replace(work / name)

    return Record()


def _progress() -> keras.callbacks.Callback:
    import keras

    class Progress(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            progress.report("epoch", epoch + 1, self.params["epochs"], **{k: float(v) for k, v in (logs or {}).items()})

    return Progress()


def watcher(work: Path, told: Callable[[list[history.Row]], None]) -> keras.callbacks.Callback:
    """Tell the rows of all finished epochs, those before a restart too, at the start and after each epoch."""
    import keras

    class Watcher(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            told(history.read(work))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            told(history.read(work))

    return Watcher()
