"""The ``train`` section: a model and how to train it. Every part of the training set-up has its own switch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from components.shared.compilation import CompileMode
from components.shared.config import StrictModel
from components.shared.distribution import Wanted
from components.train import losses
from components.train.losses import LossConfig
from components.train.models import ModelConfig
from components.train.tuning import space
from components.train.tuning.space import TuneConfig


class OptimizerConfig(StrictModel):
    """AdamW (Loshchilov & Hutter 2019) by default; ``weight_decay: 0`` makes it Adam."""

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-4
    """Decoupled weight decay; only AdamW uses it."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest global norm of the gradient; null for no clipping."""


class ConstantSchedule(StrictModel):
    kind: Literal["constant"]


class CosineSchedule(StrictModel):
    """Cosine decay (Loshchilov & Hutter 2017) over all epochs after a linear warm-up."""

    kind: Literal["cosine"]
    warmup_epochs: NonNegativeInt = 1
    final_fraction: float = Field(default=0.01, ge=0, le=1)
    """Learning rate at the last step, as a share of the highest."""


class PlateauSchedule(StrictModel):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without a better validation loss."""

    kind: Literal["plateau"]
    factor: float = Field(default=0.5, gt=0, lt=1)
    patience: PositiveInt = 3
    minimum: NonNegativeFloat = 1e-6


class StepSchedule(StrictModel):
    """Multiply the learning rate by ``factor`` every epoch after the first ``hold_epochs``."""

    kind: Literal["step"]
    factor: float = Field(default=0.5, gt=0, lt=1)
    hold_epochs: PositiveInt = 1


class EarlyStopping(StrictModel):
    patience: PositiveInt = 8
    min_delta: NonNegativeFloat = 0.0


Schedule = Annotated[ConstantSchedule | CosineSchedule | PlateauSchedule | StepSchedule, Field(discriminator="kind")]


class TrainConfig(StrictModel):
    model: ModelConfig
    epochs: PositiveInt = 50
    batch_size: PositiveInt | Literal["auto"] = 64
    """Windows a training step, of all replicas together; ``auto`` takes what suits the device and fits its memory."""
    loss: LossConfig = Field(default_factory=lambda: losses.SquaredError(kind="mse"))
    """A name (mse, mae, huber, quantile, gaussian, financial), or a mapping with the loss's own settings."""
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    schedule: Schedule = Field(default_factory=lambda: CosineSchedule(kind="cosine"))
    early_stopping: EarlyStopping | None = Field(default_factory=EarlyStopping)
    best_checkpoint: bool = True
    """Keep the epoch with the best validation loss rather than the last one."""
    backup: bool = True
    """Save progress after each epoch beside the model, so that a killed task goes on where it was."""
    tensorboard: bool = False
    """Write TensorBoard logs into the model folder; needs the ``tensorboard`` extra."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """``auto`` takes a lower precision only where a short trial on this machine finds it faster and as exact."""
    xla: bool | Literal["auto"] = "auto"
    """Compile whole epochs with XLA; ``auto`` decides long trainings by a short trial; short ones go without."""
    distribution: Wanted = "auto"
    """``auto`` trains on all accelerators of the machine and on all workers in lock step; ``off`` on one device."""
    compile_mode: CompileMode = "off"
    """Mode of ``torch.compile`` for the training step; anything but ``off`` needs KERAS_BACKEND=torch."""
    tune: TuneConfig | None = None
    """Search for better settings first, then keep the best trial; null to train as configured."""

    @field_validator("tune")
    @classmethod
    def _every_trial_is_valid(cls, tune: TuneConfig | None, info: ValidationInfo) -> TuneConfig | None:
        others = cls.model_fields.keys() - {"tune"}
        if tune is None or not others <= info.data.keys():
            return tune  # what is wrong elsewhere is said first
        found = space.problems(tune.space, cls(**{name: info.data[name] for name in others}))
        if found:
            raise ValueError(f"the search space cannot be tried: {'; '.join(found)}")
        return tune

    @property
    def windows_a_step(self) -> int:
        """The batch size as a number; 64 until ``auto`` is settled."""
        return 64 if self.batch_size == "auto" else self.batch_size
