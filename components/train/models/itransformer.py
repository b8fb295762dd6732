"""iTransformer (Liu et al. 2024): a token is the whole window of one variate, and attention runs across variates.

With ``skip: linear`` the forecast is one linear map shared by all variates, started from its closed form, plus what
attention adds to it, started from zero. The map alone beats the plain iTransformer on the usual benchmarks
(Toner & Darlow 2024), so attention has only to learn what a line cannot say. With ``cycle`` the effect of known-ahead
covariates, such as the hour of the day, is taken out of the window and put back into the forecast (Lin et al. 2024,
CycleNet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from components.shared.config import StrictModel
from components.train.models import blocks, closed_form
from components.train.models.kind import LEARNING_SPACE, ModelKind, WindowShape

if TYPE_CHECKING:
    import keras

    from components.train.source import WindowSource


class ITransformerConfig(StrictModel):
    """The defaults are the paper's for seven variates; ``d_ff`` is ``d_model`` there and 4 x on the Mac presets."""

    kind: Literal["itransformer"]
    d_model: PositiveInt = 256
    d_ff: PositiveInt | None = None
    """Width of the feed-forward part; null for ``d_model``."""
    layers: PositiveInt = 2
    heads: PositiveInt = 8
    dropout: float = Field(default=0.1, ge=0, lt=1)
    activation: Literal["gelu", "relu", "silu"] = "gelu"
    skip: Literal["none", "linear"] = "none"
    """Add a linear map of the window, started from its closed form; needs a forecast that continues features."""
    cycle: bool = False
    """Take the effect of known-ahead covariates out of the window first, and put it back into the forecast."""
    covariates: Literal["none", "past", "ahead"] = "ahead"
    """Known-ahead covariates as tokens: not at all, up to the origin as in the paper, or past it too."""
    average: bool = True
    """With a linear map: forecast the mean of what training ended with and of the map it started from."""
    penalty: closed_form.Penalty = "auto"
    """Ridge penalty of the linear map's closed form; ``auto`` takes the largest that does no worse on validation."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.d_model % self.heads:
            raise ValueError(f"expected d_model to be a multiple of heads; got {self.d_model} and {self.heads}")
        return self


def build(config: ITransformerConfig, shape: WindowShape) -> keras.Model:
    import keras

    from components.shared import layers

    window = blocks.window_input(shape)
    inputs, own, effect = [window], window, None
    if shape.ahead and (config.cycle or config.covariates == "ahead"):
        inputs.append(blocks.ahead_input(shape))
    if shape.ahead and config.cycle:
        own, effect = layers.KnownEffect(shape.known, shape.channels, dtype="float32", name="cycle")(inputs)
    normal, location, scale = layers.WindowNormalization(shape.known, dtype="float32", name="normalize")(own)
    tokens = encode(config, shape, normal, inputs[1] if shape.ahead and config.covariates == "ahead" else None)
    if not shape.channels:
        pooled = layers.FirstToken(name="target_token")(tokens)
        if not shape.target_first:
            pooled = keras.layers.GlobalAveragePooling1D(name="mean_token")(tokens)
        return blocks.network(inputs, blocks.forecast_output(pooled, shape), name=config.kind)
    moved = 1 if shape.distribution == "gaussian" else None
    forecast = layers.TokenForecast(
        shape.steps, shape.channels, shape.parameters, zero=config.skip == "linear", dtype="float32", name="head"
    )(tokens)
    if config.skip == "linear":
        skip = layers.LinearSkip(shape.steps, shape.channels, dtype="float32", name="skip")(normal)
        forecast = layers.AddPoint(moved, dtype="float32", name="sum")([forecast, skip])
    forecast = layers.Distribution(shape.distribution, dtype="float32", name="distribution")(forecast)
    forecast = layers.WindowDenormalization(moved, dtype="float32", name="denormalize")(forecast, location, scale)
    if effect is not None:
        forecast = layers.AddPoint(moved, dtype="float32", name="forecast")([forecast, effect])
    return blocks.network(inputs, forecast, name=config.kind)


def encode(
    config: ITransformerConfig, shape: WindowShape, normal: keras.KerasTensor, ahead: keras.KerasTensor | None
) -> keras.KerasTensor:
    """Embed each variate's window, (B, L, V), as a token, and let the tokens attend to each other: (B, V, D)."""
    import keras

    from components.shared import layers

    def dense(width: int, name: str, activation: str | None = None) -> Any:
        return keras.layers.Dense(width, activation, kernel_initializer=layers.narrow_uniform(), name=name)

    def dropout(name: str) -> Any:
        return keras.layers.Dropout(config.dropout, name=name)

    def norm(name: str) -> Any:
        return keras.layers.LayerNormalization(epsilon=1e-5, name=name)

    if config.covariates == "none" and shape.known:
        normal = layers.Unknown(shape.known, name="unknown")(normal)
    if ahead is None:
        tokens = dense(config.d_model, "embed")(keras.layers.Permute((2, 1), name="variates")(normal))
    else:
        seen, covariates = layers.SplitKnown(shape.known, name="split")(normal, ahead)
        embedded = [dense(config.d_model, "embed")(seen), dense(config.d_model, "embed_known")(covariates)]
        tokens = keras.layers.Concatenate(axis=1, name="variates")(embedded)
    tokens = dropout("embed_dropout")(tokens)
    for depth in range(config.layers):
        mixed = layers.SelfAttention(config.heads, config.dropout, name=f"attention_{depth}")(tokens)
        mixed = dropout(f"attention_dropout_{depth}")(mixed)
        tokens = norm(f"attention_norm_{depth}")(keras.layers.Add(name=f"attention_add_{depth}")([tokens, mixed]))
        hidden = dense(config.d_ff or config.d_model, f"widen_{depth}", config.activation)(tokens)
        hidden = dense(config.d_model, f"narrow_{depth}")(dropout(f"widen_dropout_{depth}")(hidden))
        hidden = dropout(f"narrow_dropout_{depth}")(hidden)
        tokens = norm(f"narrow_norm_{depth}")(keras.layers.Add(name=f"narrow_add_{depth}")([tokens, hidden]))
    return norm("norm")(tokens)


def initialise(model: keras.Model, config: ITransformerConfig, source: WindowSource) -> None:
    """Set the cycle and the linear map from their closed forms on the train windows."""
    closed_form.start(model, source, penalty=config.penalty)


def finish(model: keras.Model, config: ITransformerConfig, source: WindowSource) -> None:
    """Average with the line that training started from."""
    if config.average and config.skip == "linear" and source.shape.channels:
        closed_form.average(model, source, penalty=config.penalty)


SPACE = {
    **LEARNING_SPACE,
    "model.d_model": {"choices": [64, 128, 256, 512]},
    "model.layers": {"low": 1, "high": 4},
    "model.heads": {"choices": [4, 8]},
    "model.dropout": {"low": 0.0, "high": 0.4},
}

MODELS = {"itransformer": ModelKind(ITransformerConfig, build, initialise, finish, SPACE)}
