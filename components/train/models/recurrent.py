"""Stacked recurrent nets: LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from components.shared.config import StrictModel
from components.train.models import blocks
from components.train.models.kind import LEARNING_SPACE, ModelKind, WindowShape

if TYPE_CHECKING:
    import keras


class _Recurrent(StrictModel):
    units: tuple[PositiveInt, ...] = Field(default=(64, 32), min_length=1)
    """Width of each recurrent layer, first to last; the last returns its final state."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of each layer's outputs dropped while training."""
    norm: blocks.Norm = "none"


class LSTMConfig(_Recurrent):
    kind: Literal["lstm"]


class GRUConfig(_Recurrent):
    kind: Literal["gru"]


def build(config: LSTMConfig | GRUConfig, shape: WindowShape) -> keras.Model:
    import keras

    layer = keras.layers.LSTM if config.kind == "lstm" else keras.layers.GRU
    window = x = blocks.window_input(shape)
    for depth, width in enumerate(config.units):
        x = layer(width, return_sequences=depth < len(config.units) - 1, name=f"{config.kind}_{depth}")(x)
        x = blocks.normalise(x, config.norm, name=f"norm_{depth}")
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{depth}")(x)
    return keras.Model(window, blocks.forecast_output(x, shape), name=config.kind)


SPACE = {
    **LEARNING_SPACE,
    "model.units": {"choices": [[16], [32], [64], [32, 16], [64, 32], [128, 64]]},
    "model.dropout": {"low": 0.0, "high": 0.5},
}

MODELS = {
    "lstm": ModelKind(LSTMConfig, build, recurrent=True, space=SPACE),
    "gru": ModelKind(GRUConfig, build, recurrent=True, space=SPACE),
}
