"""Optimizer and learning-rate schedule from config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from components.train.config import CosineSchedule, OptimizerConfig, StepSchedule, TrainConfig


def optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.Optimizer:
    """The configured optimizer, with its schedule where that is a function of the step."""
    import keras

    settings: OptimizerConfig = config.optimizer
    rate: Any = settings.learning_rate
    if config.schedule.kind == "cosine":
        rate = cosine(config.schedule, settings.learning_rate, steps_per_epoch, config.epochs)
    if config.schedule.kind == "step":
        rate = stepwise(config.schedule, settings.learning_rate, steps_per_epoch, config.epochs)
    # Named, because Keras numbers unnamed optimizers over a process's life and saves the name.
    common: dict[str, Any] = {"global_clipnorm": settings.clip_norm, "name": "optimizer"}
    if settings.kind == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, **common)
    if settings.kind == "adam":
        return keras.optimizers.Adam(rate, **common)
    return keras.optimizers.SGD(rate, momentum=0.9, **common)


def stepwise(schedule: StepSchedule, peak: float, steps_per_epoch: int, epochs: int) -> Any:
    """Constant over an epoch; after the epochs that hold ``peak``, each has ``factor`` times the rate of the last."""
    import keras

    held = schedule.hold_epochs
    later = range(1, max(1, epochs - held) + 1)
    # A boundary belongs to the step before it.
    boundaries = [steps_per_epoch * (held + index - 1) - 1 for index in later]
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        boundaries, [peak, *(peak * schedule.factor**index for index in later)]
    )


def cosine(schedule: CosineSchedule, peak: float, steps_per_epoch: int, epochs: int) -> Any:
    """Linear warm-up from zero to ``peak``, then half a cosine down to ``peak * final_fraction`` at the last step."""
    import keras

    warmup = min(schedule.warmup_epochs * steps_per_epoch, steps_per_epoch * epochs - 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak,
        decay_steps=max(1, steps_per_epoch * epochs - warmup),
        alpha=schedule.final_fraction,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
