"""Train on several replicas in lock step: what it takes, what it rules out, and who keeps what was made."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.shared import distribution as spread
from components.shared.device import Device, say
from components.shared.errors import InputError, TandemError
from components.train import feeding, history, models

if TYPE_CHECKING:
    from components.shared.distribution import Distribution
    from components.train.config import TrainConfig
    from components.train.source import WindowSource

logger = logging.getLogger(__name__)


def settle(config: TrainConfig, source: WindowSource, device: Device) -> Distribution:
    """Choose what trains together, and start it.

    Args:
        config: the ``train`` section.
        source: the windows.
        device: what detection chose.

    Raises:
        InputError: the cluster's description is wrong, or the configuration asks for what replicas cannot do.
        TandemError: TensorFlow has already started in this process, too early to join a cluster.
    """
    found = spread.choose(device, config.distribution)
    if found.kind != "single" and models.REGISTRY[config.model.kind].build is None:
        found = found.alone(f"{config.model.kind} is no network and trains on one machine")
    if found.kind != "single" and not feeding.fits_on_device(source, device):
        found = found.alone(
            f"the arrays ({source.nbytes / 2**30:.1f} GiB) are too large for each accelerator to hold, so they are fed "
            "from the host, to one device"
        )
        say(f"distribution: {found.reason}")
    if found.kind == "single" and device.count > 1:
        say(f"distribution: {device.count - 1} of {device.count} accelerators stay idle: {found.reason}")
    check(config, found)
    found.announce()
    if not found.idle:
        spread.strategy(found)
    return found


def check(config: TrainConfig, distribution: Distribution | None) -> None:
    """Refuse what replicas in lock step cannot do.

    Raises:
        InputError: with every such setting, and what to set instead.
    """
    if distribution is None or distribution.kind == "single":
        return
    problems = []
    if config.precision == "mixed_float16":
        problems.append(
            "train.precision: mixed_float16 scales the loss by what one device overflows at, which replicas would have "
            "to agree upon: set mixed_bfloat16 or float32, or train.distribution=off"
        )
    if config.xla is True and distribution.kind != "tpu":
        problems.append(
            f"train.xla: true compiles a program of one device, and {distribution.replicas} replicas train together: "
            "set train.xla=auto, or train.distribution=off"
        )
    if config.tune and config.tune.trials and distribution.workers > 1:
        problems.append(
            f"train.tune: each of {distribution.workers} workers would draw and prune trials of its own: search on one "
            "machine, or set train.distribution=off"
        )
    if problems:
        raise InputError(problems)


def agree(distribution: Distribution | None, finished: int) -> None:
    """Wait for all workers, and see that they go on from the same epoch.

    Raises:
        TandemError: some see fewer finished epochs than others.
    """
    if distribution is None or distribution.workers == 1:
        return
    seen = spread.everyone(distribution, finished)
    if len(set(seen)) > 1:
        raise TandemError(
            f"the workers see {', '.join(map(str, seen))} finished epochs: the folder with the training's progress "
            "must be on a disk that all of them see, or be removed to begin anew"
        )


def progress_folder(model_path: str, distribution: Distribution) -> Path:
    """Where this process keeps its progress: beside the model for the chief, in a place of its own for a worker.

    A worker begins with a copy of what the chief had finished; the chief changes it only when all have agreed on it.
    """
    shared = Path(f"{model_path}.progress")
    if distribution.chief:
        shared.mkdir(parents=True, exist_ok=True)
        return shared
    own = Path(tempfile.mkdtemp(prefix="tandem-worker-"))
    for kept in (*shared.glob("epoch-*.weights.h5"), *shared.glob("best.weights.h5"), shared / history.NAME):
        if kept.is_file():
            shutil.copy(kept, own / kept.name)
    return own
