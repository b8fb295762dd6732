"""Where a training runs, and on how many windows at once, where the configuration leaves it open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.shared import device as hardware
from components.shared import files, placement
from components.shared.chips import advice
from components.shared.device import Device
from components.shared.memory import find_batch_size
from components.train import loop, models
from components.train.stepping import fed

if TYPE_CHECKING:
    import keras

    from components.shared.distribution import Distribution
    from components.shared.preprocessing import TargetScaling
    from components.train.config import TrainConfig
    from components.train.source import WindowSource
    from components.train.stepping import Stepper

    Build = Callable[[], tuple[keras.Model, Stepper]]

logger = logging.getLogger(__name__)

CHECKED_WINDOWS, TRIED_STEPS = 32, 5


def settle(
    config: TrainConfig,
    source: WindowSource,
    found: Device,
    work: Path,
    *,
    seed: int,
    target: TargetScaling,
    distribution: Distribution | None = None,
) -> tuple[TrainConfig, Device]:
    """Settle the device and the batch size.

    Args:
        config: the ``train`` section.
        source: the windows.
        found: what detection chose.
        work: scratch folder; an interrupted training goes on with the batch size it began with.
        seed: of the models that are tried.
        target: scale of the label.
        distribution: what trains together; None for one device.

    Returns:
        The section with a number for its batch size, and the device to train on.
    """

    def build() -> tuple[keras.Model, Stepper]:
        return loop.compiled(config, source, seed=seed, target=target, distribution=distribution)

    network = models.REGISTRY[config.model.kind].build is not None
    device = trained_on(found, config, source, build) if network and found.accelerator == "metal" else found
    if config.batch_size != "auto" or not network:
        return config, device
    size = batch_size(source, device, work, build, distribution)
    return config.model_copy(update={"batch_size": size}), device


def trained_on(found: Device, config: TrainConfig, source: WindowSource, build: Build) -> Device:
    """A Mac's GPU if it computes what the CPU computes and, for recurrent nets, is faster; else the CPU, aloud."""
    # Not compiled: the check clones the net, and a loss of ours is not Keras's to clone.
    model = models.build(config.model, source.shape)
    inputs, _ = source.host_batch(np.asarray(source.starts["train"][:CHECKED_WINDOWS]))
    chosen = placement.trusted(found, model, fed(model, inputs))
    if models.REGISTRY[config.model.kind].recurrent:
        chosen, _ = placement.faster_of_cpu_and(chosen, lambda: _steps(source, build))
    if chosen != found:
        hardware.apply(chosen)
    return chosen


def batch_size(
    source: WindowSource, device: Device, work: Path, build: Build, distribution: Distribution | None = None
) -> int:
    """On a CPU what the table advises; on an accelerator the largest up to the advice that fits its memory.

    Replicas have a batch each of what one device is advised. Several workers try nothing: one that ran out of memory
    alone would leave the others waiting for it.
    """
    note = work / "batch_size.json"
    if note.is_file():
        return int(files.read_json(note))
    advised, windows = advice(device), len(source.starts["train"])
    replicas, workers = (distribution.replicas, distribution.workers) if distribution else (1, 1)
    size = min(advised.batch_size_low * replicas, windows)
    if device.accelerator != "cpu" and workers == 1:
        order = np.asarray(source.starts["train"], dtype=np.int32)

        def attempt(count: int) -> None:
            build()[1].train(order[:count], count)

        size = find_batch_size(attempt, size, min(advised.batch_size_high * replicas, windows))
    logger.info("batch size %d: what suits %s%s", size, f"{replicas} x " if replicas > 1 else "", device.name)
    files.write_json(note, size)
    return size


def _steps(source: WindowSource, build: Build) -> Callable[[], None]:
    _, stepper = build()
    order = np.asarray(source.starts["train"][: TRIED_STEPS * CHECKED_WINDOWS], dtype=np.int32)

    def steps() -> None:
        stepper.train(order, CHECKED_WINDOWS)

    return steps
