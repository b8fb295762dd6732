"""Train: arrays in, model folder out."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.shared import compilation, errors, files
from components.shared import device as hardware
from components.shared import distribution as spread
from components.shared.artifacts import Prepared
from components.train import archive, callbacks, curves, history, loop, losses, models, placing, replication, residuals
from components.train.source import WindowSource
from components.train.tuning import study
from components.train.tuning.page import add_search

if TYPE_CHECKING:
    from components.shared.distribution import Distribution
    from components.train.config import TrainConfig
    from components.train.tuning.trials import Search


@dataclass(frozen=True)
class TrainFigures:
    """What a training came to."""

    kind: str
    framework: str
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
        return {"kind": self.kind, "framework": self.framework, "device": self.device, "parameters": self.parameters}


def run(
    config: TrainConfig, prepared_path: str, model_path: str, curves_path: str, *, device: str = "auto", seed: int = 0
) -> TrainFigures | None:
    """Train a model on prepared arrays and write it with everything needed to use it.

    Of several workers that train together only the chief writes, and has figures to tell.

    Args:
        config: the ``train`` section.
        prepared_path: folder written by preprocess.
        model_path: model folder to write; it appears only when complete. Progress is kept beside it until then.
        curves_path: HTML page to write.
        device: one of :data:`components.shared.device.CHOICES`.
        seed: seeds weights, shuffling and dropout.

    Returns:
        What it came to; None in a worker that is not the chief.

    Raises:
        InputError: the device is unknown, the compile mode means nothing on it, there are no windows to train or to
            validate on, TensorBoard is missing, or several replicas cannot do what is asked for.
    """
    prepared = Prepared.open(prepared_path)
    check(config, prepared)
    chosen = hardware.detect(device)
    hardware.apply(chosen)
    compilation.check(config.compile_mode, chosen.accelerator)
    source = WindowSource.of(prepared, config.loss)
    together = replication.settle(config, source, chosen)
    if together.idle:
        return None
    work = replication.progress_folder(model_path, together)
    config, chosen = placing.settle(
        config, source, chosen, work, seed=seed, target=prepared.preprocessing.target, distribution=together
    )
    search = tuned(config, prepared, work, seed, chosen, together) if config.tune and config.tune.trials else None
    if search is not None:
        config = search.config
    fitted = fit(config, prepared, search.work if search else work, seed, chosen, together, logs=work / "tensorboard")
    if search is not None and not fitted.epochs_now:
        fitted = dataclasses.replace(fitted, seconds=search.best.seconds, epochs_now=search.best.epochs)
    figures = None
    if together.chief:
        figures = figures_of(config, prepared, fitted, chosen)
        write_model(model_path, config, prepared, fitted, chosen, together, seed, work, search)
        page = curves.page(figures.kind, fitted.history, fitted.best_epoch)
        (page if search is None else add_search(page, search)).write(curves_path)
    spread.everyone(together, 0)  # a worker that left while the chief still writes would look to it like a lost one
    files.remove_folder(work)
    return figures


def figures_of(config: TrainConfig, prepared: Prepared, fitted: loop.Fitted, chosen: hardware.Device) -> TrainFigures:
    """What a finished training came to."""
    best = fitted.history[fitted.best_epoch]
    return TrainFigures(
        kind=config.model.kind,
        framework=archive.framework(fitted.model),
        device=chosen.accelerator,
        parameters=fitted.model.count_params(),
        epochs=len(fitted.history),
        best_epoch=fitted.best_epoch + 1,
        train_loss=best["loss"],
        val_loss=best["val_loss"],
        seconds=round(fitted.seconds, 3),
        windows_per_second=round(fitted.epochs_now * len(prepared.starts("train")) / fitted.seconds, 1),
    )


def fit(
    config: TrainConfig,
    prepared: Prepared,
    work: Path,
    seed: int,
    chosen: hardware.Device,
    together: Distribution,
    *,
    logs: Path,
    watch: Callable[[Sequence[history.Row]], None] | None = None,
) -> loop.Fitted:
    """Train one configuration in a folder of its own; ``watch`` is told the finished epochs after each."""
    work.mkdir(parents=True, exist_ok=True)
    return loop.fit(
        config,
        WindowSource.of(prepared, config.loss),
        work,
        seed=seed,
        target=prepared.preprocessing.target,
        device=chosen,
        distribution=together,
        logs=logs if config.tensorboard else None,
        watch=[callbacks.watcher(work, watch)] if watch else [],
    )


def tuned(
    config: TrainConfig, prepared: Prepared, work: Path, seed: int, chosen: hardware.Device, together: Distribution
) -> Search:
    """Search for better settings; the best trial's training is finished and lies in the search's ``work``."""

    def train(config: TrainConfig, work: Path, watch: Callable[[Sequence[history.Row]], None]) -> loop.Fitted:
        gc.collect()  # a compiled model is a cycle of references: memory would grow by one a trial
        return fit(config, prepared, work, seed, chosen, together, logs=work, watch=watch)

    def point_error(config: TrainConfig, fitted: loop.Fitted) -> float:
        source, point = WindowSource.of(prepared, config.loss), losses.describe(config.loss)["point"]
        return float(np.mean(np.square(residuals.validation_errors(fitted.model, source, point))))

    # Another space is another search: what it drew before says nothing about this one.
    name = hashlib.sha256(f"{config.model_dump_json()} {seed}".encode()).hexdigest()[:12]
    return study.search(config, work / f"tuning-{name}", train, point_error)


def check(config: TrainConfig, prepared: Prepared) -> None:
    """Refuse what would only fail after work was done."""
    problems = []
    if "financial" in _losses(config) and prepared.preprocessing.target.transform == "level":
        problems.append(
            "train.loss: financial weighs the direction of a change, but preprocess.target_transform is level: "
            "set it to difference or log_return"
        )
    if "financial" in _losses(config) and prepared.preprocessing.predict != "label":
        problems.append(
            "train.loss: financial weighs the direction of a label, but preprocess.predict is "
            f"{prepared.preprocessing.predict}: set it to label, or choose another loss"
        )
    problems += [
        f"the {split} split holds no windows: lower preprocess.lookback or the horizon, or bring more rows"
        for split in ("train", "validation")
        if len(prepared.starts(split)) == 0
    ]
    problems += models.problems(config, WindowSource.of(prepared, config.loss).shape)
    if config.tensorboard and not _installed("tensorboard"):
        problems.append("train.tensorboard needs the tensorboard package: pip install 'tandem-pipelines[tensorboard]'")
    if config.tune and config.tune.trials and not _installed("optuna"):
        problems.append("train.tune needs Optuna: pip install 'tandem-pipelines[tune]'")
    if problems:
        raise errors.InputError(problems)


def _losses(config: TrainConfig) -> set[str]:
    """Kinds of loss that training may use: the configured one, and those that a search varies."""
    varied = study.space_of(config).get("loss.kind") if config.tune and config.tune.trials else None
    return {config.loss.kind, *(varied.tried if varied else ())}


def write_model(
    path: str,
    config: TrainConfig,
    prepared: Prepared,
    fitted: loop.Fitted,
    chosen: hardware.Device,
    together: Distribution,
    seed: int,
    work: Path,
    search: Search | None = None,
) -> None:
    """Write the model folder; see :mod:`components.shared.artifacts` for its layout."""
    import yaml

    preprocessing = prepared.preprocessing
    with files.new_folder(path) as folder:
        made_with = archive.write(fitted.model, folder, preprocessing.feature_names)
        preprocessing.write(folder / "preprocessing.json")
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        history.write(folder, fitted.history)
        files.write_json(folder / "environment.json", environment(chosen, together, seed))
        described = losses.describe(config.loss)
        source = WindowSource.of(prepared, config.loss)
        signature = {
            "kind": config.model.kind,
            **made_with,
            "inputs": archive.inputs(fitted.model, source.shape),
            "outputs": {"forecast": [None, *source.shape.output]},
            "distribution": described,
        }
        files.write_json(folder / "signature.json", signature)
        errors = residuals.at_horizon(fitted.model, source, described["point"])
        residuals.write(folder, errors, residuals.interval_bounds(fitted.model, source, described))
        if search is not None:
            search.write(folder)
        if config.tensorboard:
            shutil.copytree(work / "tensorboard", folder / "tensorboard")


def environment(chosen: hardware.Device, together: Distribution, seed: int) -> dict[str, object]:
    """What the model was trained with, to repeat it."""
    import keras

    packages = ["tandem-pipelines", "keras", "tensorflow", "tensorflow-cpu", "tensorflow-metal", "numpy"]
    packages += ["xgboost", "xgboost-cpu"]
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "packages": {name: metadata.version(name) for name in packages if _installed(name)},
        "device": {"accelerator": chosen.accelerator, "name": chosen.name, "reason": chosen.reason},
        "distribution": {"kind": together.kind, "replicas": together.replicas, "workers": together.workers},
        "seed": seed,
    }


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
