"""Train: arrays in, model folder out."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from components.shared import device as hardware
from components.shared import errors, files
from components.shared.artifacts import Prepared
from components.train import archive, curves, history, loop, losses
from components.train.source import WindowSource

if TYPE_CHECKING:
    from components.train.config import TrainConfig


@dataclass(frozen=True)
class TrainFigures:
    """What a training came to."""

    kind: str
    device: str
    parameters: int
    epochs: int
    best_epoch: int
    train_loss: float
    val_loss: float
    seconds: float
    windows_per_second: float

    def numbers(self) -> dict[str, float]:
        return {key: value for key, value in vars(self).items() if not isinstance(value, str)}

    def describe(self) -> dict[str, str | int]:
        return {"kind": self.kind, "framework": "keras", "device": self.device, "parameters": self.parameters}


def run(
    config: TrainConfig, prepared_path: str, model_path: str, curves_path: str, *, device: str = "auto", seed: int = 0
) -> TrainFigures:
    """Train a model on prepared arrays and write it with everything needed to use it.

    Args:
        config: the ``train`` section.
        prepared_path: folder written by preprocess.
        model_path: model folder to write; it appears only when complete. Progress is kept beside it until then.
        curves_path: HTML page to write.
        device: one of :data:`components.shared.device.CHOICES`.
        seed: seeds weights, shuffling and dropout.

    Raises:
        InputError: the device is unknown, there are no windows to train or to validate on, or TensorBoard is missing.
    """
    prepared = Prepared.open(prepared_path)
    check(config, prepared)
    chosen = hardware.detect(device)
    hardware.apply(chosen)
    work = Path(f"{model_path}.progress")
    work.mkdir(parents=True, exist_ok=True)
    fitted = loop.fit(
        config,
        WindowSource.of(prepared, config.loss),
        work,
        seed=seed,
        target=prepared.preprocessing.target,
        device=chosen,
        logs=work / "tensorboard" if config.tensorboard else None,
    )
    best = fitted.history[fitted.best_epoch]
    figures = TrainFigures(
        kind=config.model.kind,
        device=chosen.accelerator,
        parameters=fitted.model.count_params(),
        epochs=len(fitted.history),
        best_epoch=fitted.best_epoch + 1,
        train_loss=best["loss"],
        val_loss=best["val_loss"],
        seconds=round(fitted.seconds, 3),
        windows_per_second=round(fitted.epochs_now * len(prepared.starts("train")) / fitted.seconds, 1),
    )
    write_model(model_path, config, prepared, fitted, chosen, seed, work)
    curves.page(figures.kind, fitted.history, fitted.best_epoch).write(curves_path)
    shutil.rmtree(work, ignore_errors=True)
    return figures


def check(config: TrainConfig, prepared: Prepared) -> None:
    """Refuse what would only fail after work was done."""
    problems = []
    if config.loss.kind == "financial" and prepared.preprocessing.target.transform == "level":
        problems.append(
            "train.loss: financial weighs the direction of a change, but preprocess.target_transform is level: "
            "set it to difference or log_return"
        )
    problems += [
        f"the {split} split holds no windows: lower preprocess.lookback or the horizon, or bring more rows"
        for split in ("train", "validation")
        if len(prepared.starts(split)) == 0
    ]
    if config.tensorboard and not _installed("tensorboard"):
        problems.append("train.tensorboard needs the tensorboard package: pip install 'tandem-pipelines[tensorboard]'")
    if problems:
        raise errors.InputError(problems)


def write_model(
    path: str,
    config: TrainConfig,
    prepared: Prepared,
    fitted: loop.Fitted,
    chosen: hardware.Device,
    seed: int,
    work: Path,
) -> None:
    """Write the model folder; see :mod:`components.shared.artifacts` for its layout."""
    import yaml

    preprocessing = prepared.preprocessing
    with files.new_folder(path) as folder:
        archive.save(fitted.model, folder / "model.keras")
        preprocessing.write(folder / "preprocessing.json")
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        history.write(folder, fitted.history)
        files.write_json(folder / "environment.json", environment(chosen, seed))
        window = [None, preprocessing.lookback, len(preprocessing.features)]
        outputs = {"forecast": [None, losses.parameters(config.loss)]}
        signature = {"kind": config.model.kind, "inputs": {"window": window}, "outputs": outputs}
        files.write_json(folder / "signature.json", signature | {"distribution": losses.describe(config.loss)})
        if config.tensorboard:
            shutil.copytree(work / "tensorboard", folder / "tensorboard")


def environment(chosen: hardware.Device, seed: int) -> dict[str, object]:
    """What the model was trained with, to repeat it."""
    import keras

    packages = ["tandem-pipelines", "keras", "tensorflow", "tensorflow-cpu", "tensorflow-metal", "numpy"]
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "packages": {name: metadata.version(name) for name in packages if _installed(name)},
        "device": {"accelerator": chosen.accelerator, "name": chosen.name, "reason": chosen.reason},
        "seed": seed,
    }


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
