"""A multilayer perceptron over the flattened window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from components.shared.config import StrictModel
from components.train.models import blocks
from components.train.models.kind import LEARNING_SPACE, ModelKind, WindowShape

if TYPE_CHECKING:
    import keras


class FeedforwardConfig(StrictModel):
    kind: Literal["feedforward"]
    units: tuple[PositiveInt, ...] = Field(default=(128, 64), min_length=1)
    activation: Literal["relu", "gelu", "selu", "silu", "tanh"] = "relu"
    dropout: float = Field(default=0.2, ge=0, lt=1)
    norm: blocks.Norm = "none"


def build(config: FeedforwardConfig, shape: WindowShape) -> keras.Model:
    import keras

    window = blocks.window_input(shape)
    x = keras.layers.Flatten(name="flatten")(window)
    for depth, width in enumerate(config.units):
        x = keras.layers.Dense(width, name=f"dense_{depth}")(x)
        x = blocks.normalise(x, config.norm, name=f"norm_{depth}")
        x = keras.layers.Activation(config.activation, name=f"activation_{depth}")(x)
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{depth}")(x)
    return keras.Model(window, blocks.forecast_output(x, shape), name=config.kind)


SPACE = {
    **LEARNING_SPACE,
    "model.units": {"choices": [[32], [64], [128], [64, 32], [128, 64], [256, 128]]},
    "model.activation": {"choices": ["relu", "gelu", "selu", "silu"]},
    "model.norm": {"choices": ["none", "batch", "layer"]},
    "model.dropout": {"low": 0.0, "high": 0.5},
}

MODELS = {"feedforward": ModelKind(FeedforwardConfig, build, space=SPACE)}
