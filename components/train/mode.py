"""How to run the training steps: with or without XLA, in which precision. Decided by a short trial, never by hope.

XLA makes an epoch of a small dense net many times faster and that of a recurrent net several times slower; bfloat16
helps on one machine and hurts on the next. A trial costs seconds, so only trainings of many steps have one, and its
outcome is remembered for this machine: two trainings of one configuration run the same way and give equal weights.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.files import write_json
from components.shared.trial import faster_of

if TYPE_CHECKING:
    import keras

    from components.shared.device import Device
    from components.shared.distribution import Distribution
    from components.train.config import TrainConfig
    from components.train.source import WindowSource
    from components.train.stepping import Stepper

logger = logging.getLogger(__name__)

WORTH_A_TRIAL = 5_000
"""Training steps below which compiling twice costs more than any choice can save."""
TRIAL_STEPS = 40
LARGEST_DRIFT = 0.02
"""How far the mean loss of the trial's steps may lie from that of the safe way, as a share of it."""


@dataclass(frozen=True)
class Mode:
    """How to run, and why."""

    precision: str
    xla: bool
    reason: str


Build = Callable[[str, bool], "tuple[keras.Model, Stepper]"]
"""Precision and XLA to a compiled model with its stepper, from the same seed each time."""


def choose(
    config: TrainConfig,
    source: WindowSource,
    device: Device | None,
    build: Build | None,
    distribution: Distribution | None = None,
) -> Mode:
    """Settle what the configuration leaves open.

    Args:
        config: the ``train`` section.
        source: the windows; the trial trains on the first of them.
        device: where training runs; None for the CPU.
        build: makes a fresh model and stepper for one precision and XLA or not; None where there can be no trial,
            because the device has no room for the arrays.
        distribution: what trains together; None for one device.
    """
    candidates = _candidates(config, device, distribution)
    first = candidates[0]
    if distribution is not None and distribution.workers > 1:
        return Mode(*first, "no trial: each worker would time, and choose, for itself")
    if len(candidates) == 1:
        return Mode(*first, "asked for" if config.xla != "auto" else "the only way on this backend and device")
    steps = config.epochs * -(-len(source.starts["train"]) // config.windows_a_step)
    if build is None or steps < WORTH_A_TRIAL:
        return Mode(*first, f"no trial: at most {steps} steps" if build else "no trial: the arrays stay on the host")
    key = _key(config, source, device, distribution)
    if (known := _remembered().get(key)) is not None and (known["precision"], known["xla"]) in candidates:
        return Mode(**known)
    mode = _trial(config, source, candidates, build)
    _remember(key, mode)
    return mode


def _candidates(
    config: TrainConfig, device: Device | None, distribution: Distribution | None
) -> list[tuple[str, bool]]:
    """(precision, XLA) worth trying, the safest first."""
    import keras

    from components.shared.chips import advice

    accelerator = device.accelerator if device else "cpu"
    precisions = [config.precision]
    if config.precision == "auto":
        offered = advice(device).precision_candidates if device else ("mixed_bfloat16",)
        precisions = ["float32", *(name for name in offered if name != "float32")]
    xla = [bool(config.xla)] if config.xla != "auto" else [False, True]
    # JAX has no other compiler, torch none here, and TensorFlow refuses XLA on Metal.
    if keras.backend.backend() != "tensorflow" or (accelerator == "metal" and config.xla == "auto"):
        xla = [False]
    if distribution is not None and distribution.kind != "single":
        xla = [False]  # a TPU's strategy compiles by itself; replicas of other devices cannot be in one XLA program
        precisions = [name for name in precisions if name != "mixed_float16"]
    return list(itertools.product(precisions, xla))


def _trial(config: TrainConfig, source: WindowSource, candidates: list[tuple[str, bool]], build: Build) -> Mode:
    order = np.asarray(source.starts["train"][: TRIAL_STEPS * config.windows_a_step], dtype=np.int32)
    losses: dict[str, float] = {}
    ways = {f"{precision}{' with XLA' if xla else ''}": (precision, xla) for precision, xla in candidates}

    def run(name: str) -> Callable[[], None]:
        made: list[Any] = []

        def steps() -> None:
            if not made:
                made.extend(build(*ways[name]))
            loss = made[1].train(order, config.windows_a_step)
            losses.setdefault(name, loss)

        return steps

    safe = next(iter(ways))
    trial = faster_of({name: run(name) for name in ways}, warmup=1, rounds=3, budget_s=30.0)
    winner, reason = trial.winner, trial.reason
    if not abs(losses[winner] - losses[safe]) <= LARGEST_DRIFT * abs(losses[safe]):
        reason = f"{winner} is faster but its loss strays: {losses[winner]:.4g} against {losses[safe]:.4g} of {safe}"
        winner = safe
    logger.info("training runs in %s: %s", winner, reason)
    return Mode(*ways[winner], reason)


def _key(config: TrainConfig, source: WindowSource, device: Device | None, distribution: Distribution | None) -> str:
    """What the outcome of a trial depends on."""
    import keras

    about = {
        "machine": [platform.node(), platform.machine(), os.cpu_count(), device.name if device else "cpu"],
        "keras": [keras.__version__, keras.backend.backend()],
        "model": config.model.model_dump(mode="json"),
        "train": [config.windows_a_step, config.loss.kind, config.precision, config.xla],
        "shape": asdict(source.shape),
    }
    if distribution is not None and distribution.kind != "single":
        about["replicas"] = distribution.replicas
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _memory() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tandem" / "trials.json"


def _remembered() -> dict[str, Any]:
    try:
        return dict(json.loads(_memory().read_text()))
    except (OSError, ValueError):
        return {}  # absent, or written by a hand: the trial runs again


def _remember(key: str, mode: Mode) -> None:
    try:
        write_json(_memory(), {**_remembered(), key: asdict(mode)})
    except OSError as error:
        logger.info("the outcome of the trial is not remembered: %s", error)
