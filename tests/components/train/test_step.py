from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError, TandemError
from components.shared.progress import LOGGER
from components.train import history, step
from components.train.config import TrainConfig

SMALL: dict[str, Any] = {"model": {"kind": "lstm", "units": [6]}, "epochs": 5, "batch_size": 32}


def train(folder: Path, prepared: Path, seed: int = 0, **changes: Any) -> step.TrainFigures:
    config = TrainConfig.parse({**SMALL, **changes}, section="train")
    return step.run(config, str(prepared), str(folder / "model"), str(folder / "curves.html"), device="cpu", seed=seed)


def weights(folder: Path) -> list[np.ndarray]:
    return TrainedModel.open(folder / "model").keras.get_weights()


class StopAfter(logging.Handler):
    """Kill the training when an epoch is reported, as a signal would between two instructions."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def emit(self, record: logging.LogRecord) -> None:
        if record.__dict__["progress"]["step"] == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["lstm", "gru", "feedforward"])
def test_a_model_folder_holds_all_that_its_users_need(kind: str, prepared_folder: Path, tmp_path: Path) -> None:
    figures = train(tmp_path, prepared_folder, model={"kind": kind, "units": [6]}, epochs=2)
    model, prepared = TrainedModel.open(tmp_path / "model"), Prepared.open(prepared_folder)
    assert figures.epochs == 2
    assert model.name == kind
    assert model.preprocessing == prepared.preprocessing
    assert model.forecast(prepared, prepared.starts("test")).shape == prepared.starts("test").shape
    assert yaml.safe_load((tmp_path / "model" / "config.yaml").read_text())["model"]["kind"] == kind
    assert json.loads((tmp_path / "model" / "environment.json").read_text())["seed"] == 0
    assert (tmp_path / "model" / "history.csv").read_text().count("\n") == 3
    assert not (tmp_path / "model.progress").exists()


def test_training_learns_what_the_windows_say(level_folder: Path, tmp_path: Path) -> None:
    """A random walk's level is predictable from its last value: the error must fall well below the label's variance."""
    prepared = Prepared.open(level_folder)
    net = {"kind": "feedforward", "units": [16], "dropout": 0.0}
    figures = train(
        tmp_path, level_folder, model=net, epochs=40, optimizer={"learning_rate": 0.02}, early_stopping=None
    )
    labels = prepared.labels[prepared.origins(prepared.starts("train"))]
    assert figures.train_loss < 0.2 * float(np.mean(labels**2))


def test_equal_seeds_give_equal_weights_and_others_do_not(prepared_folder: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "other")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        train(folder, prepared_folder, seed=seed, model={"kind": "gru", "units": [6], "dropout": 0.3}, epochs=2)
    first, second, other = (weights(folder) for folder in folders)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    files = [(folder / "model" / "model.keras").read_bytes() for folder in folders]
    assert files[0] == files[1], "equal models must be equal files: caching and registration go by content"
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": {"kind": "cosine"}},
        {"schedule": {"kind": "plateau", "patience": 1}, "early_stopping": {"patience": 2}},
        # No epoch is that much better than the first: stops after the fourth, if the first two waits are remembered.
        {
            "early_stopping": {"patience": 3, "min_delta": 10},
            "epochs": 8,
            "model": {"kind": "feedforward", "units": [4]},
        },
        {
            "schedule": {"kind": "constant"},
            "model": {"kind": "feedforward", "units": [8], "norm": "batch", "dropout": 0.4},
        },
    ],
    ids=["cosine", "plateau-and-early-stopping", "stopped-while-waiting", "dropout-and-batch-norm"],
)
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    changes: dict[str, Any], prepared_folder: Path, tmp_path: Path
) -> None:
    undisturbed = train(tmp_path / "whole", prepared_folder, **changes)
    LOGGER.addHandler(handler := StopAfter(epoch=3))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "killed", prepared_folder, **changes)
    finally:
        LOGGER.removeHandler(handler)
    assert not (tmp_path / "killed" / "model").exists()
    resumed = train(tmp_path / "killed", prepared_folder, **changes)
    assert (resumed.epochs, resumed.best_epoch) == (undisturbed.epochs, undisturbed.best_epoch)
    assert resumed.val_loss == undisturbed.val_loss
    for one, other in zip(weights(tmp_path / "whole"), weights(tmp_path / "killed"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_model_that_is_kept_is_that_of_the_best_epoch(prepared_folder: Path, tmp_path: Path) -> None:
    """On noise, at a high rate, later epochs are worse on validation."""
    net = {"kind": "feedforward", "units": [16], "dropout": 0.0}
    figures = train(
        tmp_path, prepared_folder, model=net, epochs=8, optimizer={"learning_rate": 0.05}, early_stopping=None
    )
    prepared = Prepared.open(prepared_folder)
    starts = np.asarray(prepared.starts("validation"))
    forecast = TrainedModel.open(tmp_path / "model").predict(prepared.windows(starts))
    assert figures.best_epoch < figures.epochs
    assert np.mean(np.square(forecast - prepared.outcomes(starts))) == pytest.approx(figures.val_loss, rel=1e-4)


def test_without_best_checkpoint_the_last_epoch_is_kept(prepared_folder: Path, tmp_path: Path) -> None:
    figures = train(tmp_path, prepared_folder, best_checkpoint=False, early_stopping=None, epochs=3)
    assert figures.best_epoch == figures.epochs == 3


def test_mixed_precision_keeps_a_float32_answer_and_leaves_no_policy_behind(
    prepared_folder: Path, tmp_path: Path
) -> None:
    import keras

    train(tmp_path, prepared_folder, precision="mixed_bfloat16", epochs=1, model={"kind": "feedforward", "units": [4]})
    assert keras.config.dtype_policy().name == "float32"
    model = TrainedModel.open(tmp_path / "model").keras
    assert (model.layers[-1].compute_dtype, model.layers[2].compute_dtype) == ("float32", "bfloat16")


def test_a_diverging_training_says_what_to_change(prepared_folder: Path, tmp_path: Path) -> None:
    wild = {"kind": "sgd", "learning_rate": 1e20, "clip_norm": None}
    with pytest.raises(TandemError, match=r"train\.optimizer\.learning_rate"):
        train(
            tmp_path,
            prepared_folder,
            optimizer=wild,
            schedule={"kind": "constant"},
            model={"kind": "feedforward", "units": [4, 4]},
            epochs=2,
        )
    assert not (tmp_path / "model").exists()


def test_tensorboard_logs_land_in_the_model_folder(prepared_folder: Path, tmp_path: Path) -> None:
    train(tmp_path, prepared_folder, tensorboard=True, epochs=1)
    assert list((tmp_path / "model" / "tensorboard").rglob("events.out.*"))


def test_a_lost_first_epoch_does_not_lose_the_later_ones() -> None:
    rows = [{"val_loss": float("nan")}, {"val_loss": 0.5}, {"val_loss": 0.7}]
    assert history.best(rows) == 0.5
    assert history.best(rows[:1]) == float("inf")


def test_an_empty_split_is_refused_before_training(prepared_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(prepared_folder, tmp_path / "prepared")
    np.save(folder / "starts-validation.npy", np.empty(0, dtype=np.int64))
    with pytest.raises(InputError, match="validation split holds no windows"):
        train(tmp_path, folder)
