"""TSMixer (Chen et al. 2023): multilayer perceptrons that mix time steps and variates in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt

from components.shared.config import StrictModel
from components.train.models import blocks
from components.train.models.kind import LEARNING_SPACE, ModelKind, WindowShape

if TYPE_CHECKING:
    import keras


class TSMixerConfig(StrictModel):
    kind: Literal["tsmixer"]
    d_ff: PositiveInt = 64
    """Hidden width of the mixing of variates."""
    layers: PositiveInt = 2
    dropout: float = Field(default=0.3, ge=0, lt=1)
    activation: Literal["relu", "gelu", "silu"] = "relu"


def build(config: TSMixerConfig, shape: WindowShape) -> keras.Model:
    import keras

    from components.shared import layers

    window = blocks.window_input(shape)
    x, location, scale = layers.WindowNormalization(shape.known, dtype="float32", name="normalize")(window)
    for depth in range(config.layers):
        x = keras.layers.Add(name=f"time_add_{depth}")([x, _mix_time(config, shape, x, depth)])
        x = keras.layers.Add(name=f"variate_add_{depth}")([x, _mix_variates(config, shape, x, depth)])
    rows = keras.layers.Permute((2, 1), name="variates")(x)
    if not shape.channels:
        own = layers.FirstToken(name="target")(rows) if shape.target_first else keras.layers.Flatten(name="all")(rows)
        return keras.Model(window, blocks.forecast_output(own, shape), name=config.kind)
    head = layers.TokenForecast(shape.steps, shape.channels, shape.parameters, dtype="float32", name="head")(rows)
    head = layers.Distribution(shape.distribution, dtype="float32", name="distribution")(head)
    moved = 1 if shape.distribution == "gaussian" else None
    forecast = layers.WindowDenormalization(moved, dtype="float32", name="forecast")(head, location, scale)
    return keras.Model(window, forecast, name=config.kind)


def _mix_time(config: TSMixerConfig, shape: WindowShape, x: Any, depth: int) -> Any:
    import keras

    x = keras.layers.LayerNormalization(axis=(1, 2), name=f"time_norm_{depth}")(x)
    x = keras.layers.Permute((2, 1), name=f"time_last_{depth}")(x)
    x = keras.layers.Dense(shape.lookback, config.activation, name=f"time_{depth}")(x)
    x = keras.layers.Permute((2, 1), name=f"variates_last_{depth}")(x)
    return keras.layers.Dropout(config.dropout, name=f"time_dropout_{depth}")(x)


def _mix_variates(config: TSMixerConfig, shape: WindowShape, x: Any, depth: int) -> Any:
    import keras

    x = keras.layers.LayerNormalization(axis=(1, 2), name=f"variate_norm_{depth}")(x)
    x = keras.layers.Dense(config.d_ff, config.activation, name=f"widen_{depth}")(x)
    x = keras.layers.Dropout(config.dropout, name=f"widen_dropout_{depth}")(x)
    x = keras.layers.Dense(shape.features, name=f"narrow_{depth}")(x)
    return keras.layers.Dropout(config.dropout, name=f"narrow_dropout_{depth}")(x)


SPACE = {
    **LEARNING_SPACE,
    "model.d_ff": {"choices": [16, 32, 64, 128]},
    "model.layers": {"low": 1, "high": 4},
    "model.dropout": {"low": 0.0, "high": 0.7},
}

MODELS = {"tsmixer": ModelKind(TSMixerConfig, build, space=SPACE)}
