"""Linear forecasters: one map from the window to the future, shared by all variates (Zeng et al. 2023; Toner & Darlow
2024), with the effect of known-ahead covariates taken out first on request (Lin et al. 2024, CycleNet).

Training starts from the closed form, so that a few epochs under another loss, or none, are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from components.shared.config import StrictModel
from components.train.models import blocks, closed_form
from components.train.models.kind import LEARNING_SPACE, ModelKind, WindowShape

if TYPE_CHECKING:
    import keras

    from components.train.source import WindowSource


class LinearConfig(StrictModel):
    kind: Literal["linear"]
    cycle: bool = False
    """Take the effect of known-ahead covariates out of the window first, and put it back into the forecast."""
    average: bool = True
    """Forecast the mean of the map that training ended with and of the one it started from."""
    penalty: closed_form.Penalty = "auto"
    """Ridge penalty of the closed form; ``auto`` takes the largest that does no worse on the validation windows."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the window's values dropped while training, for a forecast that is a label."""


def build(config: LinearConfig, shape: WindowShape) -> keras.Model:
    import keras

    from components.shared import layers

    window = blocks.window_input(shape)
    if not shape.channels:
        moves = layers.MovesToLast(1 if shape.target_first else shape.features, name="moves")(window)
        moves = keras.layers.Dropout(config.dropout, name="dropout")(keras.layers.Flatten(name="flatten")(moves))
        return keras.Model(window, blocks.forecast_output(moves, shape), name=config.kind)
    inputs, own, effect = [window], window, None
    if config.cycle and shape.ahead:
        inputs.append(blocks.ahead_input(shape))
        own, effect = layers.KnownEffect(shape.known, shape.channels, dtype="float32", name="cycle")(inputs)
    point = layers.LinearSkip(shape.steps, shape.channels, dtype="float32", name="skip")(own)
    if effect is not None:
        point = layers.AddPoint(dtype="float32", name="sum")([point, effect])
    if shape.parameters == 1:
        return blocks.network(inputs, point, name=config.kind)
    # How wide: numbers around the line, one set a step, on the scale of the window.
    normal, _, scale = layers.WindowNormalization(shape.known, dtype="float32", name="normalize")(own)
    around = layers.LinearSpread(shape.steps, shape.channels, shape.parameters, name="spread")(normal, scale)
    around = layers.Distribution(shape.distribution, dtype="float32", name="distribution")(around)
    moved = 1 if shape.distribution == "gaussian" else None
    return blocks.network(inputs, layers.AddPoint(moved, name="forecast")([around, point]), name=config.kind)


def initialise(model: keras.Model, config: LinearConfig, source: WindowSource) -> None:
    """Set the cycle and the map from their closed forms on the train windows."""
    closed_form.start(model, source, penalty=config.penalty)


def finish(model: keras.Model, config: LinearConfig, source: WindowSource) -> None:
    """Average with the line that training started from."""
    if config.average and source.shape.channels:
        closed_form.average(model, source, penalty=config.penalty)


SPACE = {**LEARNING_SPACE, "model.dropout": {"low": 0.0, "high": 0.5}}

MODELS = {"linear": ModelKind(LinearConfig, build, initialise, finish, SPACE)}
