"""Keras layers of Tandem's own, written in ``keras.ops`` alone, so that TensorFlow, torch and JAX run them alike.

They live where every stage can see them, because a saved model that holds one loads only once it is registered:
importing this module registers all of them. Shapes: B batch, L lookback, S steps ahead, V variates, D model width.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="tandem")


def narrow_uniform() -> keras.initializers.Initializer:
    """Uniform within +-1/sqrt(fan in), a third of Glorot's variance on a square matrix.

    It is what torch's linear layers start from, and published learning rates assume it: from Glorot, the preset of
    iTransformer ends 5 % worse on ETTh1.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


@_register
class WindowNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Standardise each variate of a window by that window alone (Kim et al. 2022, RevIN without its affine part).

    ``call`` takes (B, L, V) and returns the window (B, L, V), its location (B, 1, V - unscaled) and its
    scale, of the same shape; the last ``unscaled`` variates, known ahead of time, pass as they are.

    Args:
        unscaled: trailing variates to leave alone.
        center: ``mean`` of the window, or its ``last`` value.
        epsilon: added to the variance, so that a constant window has a scale.
    """

    def __init__(self, unscaled: int = 0, center: str = "mean", epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unscaled, self.center, self.epsilon = unscaled, center, epsilon

    def call(self, window: Any, training: bool = False) -> tuple[Any, Any, Any]:
        variates = window.shape[-1] - self.unscaled
        own = window[:, :, :variates]
        mean = ops.mean(own, axis=1, keepdims=True)
        location = own[:, -1:] if self.center == "last" else mean
        spread = ops.mean(ops.square(own - mean), axis=1, keepdims=True)
        scale = ops.sqrt(spread + self.epsilon)
        if training:
            # What is subtracted and divided by is data, not something to learn through. Explanations do go through
            # it: a forecast moves with the level and the spread of its window.
            location, scale = ops.stop_gradient(location), ops.stop_gradient(scale)
        scaled = (own - location) / scale
        if self.unscaled:
            scaled = ops.concatenate([scaled, window[:, :, variates:]], axis=-1)
        return scaled, location, scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unscaled": self.unscaled, "center": self.center, "epsilon": self.epsilon}


@_register
class WindowDenormalization(keras.layers.Layer):  # type: ignore[misc]
    """Undo :class:`WindowNormalization` on a forecast of the first variates.

    ``call`` takes forecast (B, S, C) or (B, S, C, P), location and scale (B, 1, V), C <= V. All P numbers are
    stretched; ``moved`` of them, or all, are moved: a mean is, a deviation is not.
    """

    def __init__(self, moved: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.moved = moved

    def call(self, forecast: Any, location: Any, scale: Any) -> Any:
        channels = forecast.shape[2]
        location, scale = location[:, :, :channels], scale[:, :, :channels]
        if len(forecast.shape) == 4:
            location, scale = location[..., None], scale[..., None]
        if self.moved is None:
            return forecast * scale + location
        stretched = forecast * scale
        return ops.concatenate([stretched[..., : self.moved] + location, stretched[..., self.moved :]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "moved": self.moved}


@_register
class SelfAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head attention of tokens to each other (Vaswani et al. 2017), (B, T, D) to (B, T, D).

    Queries, keys and values are one matrix product: on a CPU that is faster than three of a third of the width.

    Args:
        heads: how many; D must be a multiple.
        dropout: share of attention weights dropped while training.
    """

    def __init__(self, heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.rate = heads, dropout
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, shape: tuple[int | None, ...]) -> None:
        width = int(shape[-1] or 0)
        if width % self.heads:
            raise ValueError(f"Expected a width that {self.heads} heads divide. Received: {width}")
        self.project_in = keras.layers.Dense(
            3 * width, kernel_initializer=narrow_uniform(), dtype=self.dtype_policy, name="query_key_value"
        )
        self.project_in.build(shape)
        self.project_out = keras.layers.Dense(
            width, kernel_initializer=narrow_uniform(), dtype=self.dtype_policy, name="output"
        )
        self.project_out.build(shape)
        self.dropout.build(shape)

    def call(self, tokens: Any, training: bool = False) -> Any:
        count, width = tokens.shape[1], tokens.shape[2]
        size = width // self.heads
        packed = ops.reshape(self.project_in(tokens), (-1, count, 3, self.heads, size))
        query, key, value = packed[:, :, 0], packed[:, :, 1], packed[:, :, 2]
        weights = ops.softmax(ops.einsum("bthd,bshd->bhts", query, key) * size**-0.5, axis=-1)
        mixed = ops.einsum("bhts,bshd->bthd", self.dropout(weights, training=training), value)
        return self.project_out(ops.reshape(mixed, (-1, count, width)))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "dropout": self.rate}


@_register
class LinearSkip(keras.layers.Layer):  # type: ignore[misc]
    """One linear map from a variate's window to its future, shared by all variates (Zeng et al. 2023).

    (B, L, V) to (B, S, channels): the last value plus a map of the window less its last value. It starts as the last
    value alone; the train stage has the closed form to start from instead.

    Args:
        steps: rows to forecast.
        channels: leading variates to forecast.
    """

    def __init__(self, steps: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps, self.channels = steps, channels

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(shape[1], self.steps), initializer="zeros")

    def call(self, window: Any) -> Any:
        own = ops.transpose(window[:, :, : self.channels], (0, 2, 1))
        last = own[:, :, -1:]
        return ops.transpose(last + ops.matmul(own - last, self.kernel), (0, 2, 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "channels": self.channels}


@_register
class Distribution(keras.layers.Layer):  # type: ignore[misc]
    """Make the last axis what a distribution allows.

    ``quantile`` sorts it, so that quantiles never cross (Chernozhukov et al. 2010); ``gaussian`` reads (mean, raw
    deviation) and makes the deviation positive by a softplus; ``point`` leaves it.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, raw: Any) -> Any:
        if self.kind == "quantile":
            return ops.sort(raw, axis=-1)
        if self.kind == "gaussian":
            return ops.concatenate([raw[..., :1], ops.softplus(raw[..., 1:]) + 1e-4], axis=-1)
        return raw

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}


@_register
class KnownEffect(keras.layers.Layer):  # type: ignore[misc]
    """A linear effect of known-ahead covariates on each channel, taken out of the window (Lin et al. 2024).

    ``call`` takes window (B, L, V), whose last ``known`` variates are the covariates, and ahead (B, S, known); it
    returns the window less the effect, and the effect on the rows ahead (B, S, channels). The effect has a closed form
    and is not trained.
    """

    def __init__(self, known: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known, self.channels = known, channels

    def build(self, _: Any) -> None:
        shape = (self.known, self.channels)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> tuple[Any, Any]:
        window, ahead = inputs
        covariates = window[:, :, window.shape[2] - self.known :]
        own = window[:, :, : self.channels] - ops.matmul(covariates, self.kernel)
        return ops.concatenate([own, window[:, :, self.channels :]], axis=2), ops.matmul(ahead, self.kernel)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "known": self.known, "channels": self.channels}


@_register
class SplitKnown(keras.layers.Layer):  # type: ignore[misc]
    """Rows of variates for embedding: window (B, L, V) and ahead (B, S, K) to (B, V - K, L) and (B, K, L + S)."""

    def __init__(self, known: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = known

    def call(self, window: Any, ahead: Any) -> tuple[Any, Any]:
        variates = window.shape[2] - self.known
        covariates = ops.concatenate([window[:, :, variates:], ahead], axis=1)
        return ops.transpose(window[:, :, :variates], (0, 2, 1)), ops.transpose(covariates, (0, 2, 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "known": self.known}


@_register
class FirstToken(keras.layers.Layer):  # type: ignore[misc]
    """The first token of (B, T, D), as (B, D)."""

    def call(self, tokens: Any) -> Any:
        return tokens[:, 0]


@_register
class TokenForecast(keras.layers.Layer):  # type: ignore[misc]
    """A linear head from each of the first tokens, (B, T, D), to its variate's future, (B, S, C) or (B, S, C, P).

    Args:
        steps: rows to forecast, S.
        channels: leading tokens to forecast, C.
        parameters: numbers that describe each value, P; with 1 the last axis is left out.
        zero: start from a forecast of zero, for a head that adds to another.
    """

    def __init__(self, steps: int, channels: int, parameters: int = 1, zero: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps, self.channels, self.parameters, self.zero = steps, channels, parameters, zero

    def build(self, shape: tuple[int | None, ...]) -> None:
        start = "zeros" if self.zero else narrow_uniform()
        size = (shape[-1], self.steps * self.parameters)
        self.kernel = self.add_weight(name="kernel", shape=size, initializer=start)
        self.bias = self.add_weight(name="bias", shape=size[1:], initializer="zeros")

    def call(self, tokens: Any) -> Any:
        flat = ops.matmul(tokens[:, : self.channels], self.kernel) + self.bias
        if self.parameters == 1:
            return ops.transpose(flat, (0, 2, 1))
        described = ops.reshape(flat, (-1, self.channels, self.steps, self.parameters))
        return ops.transpose(described, (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        own = {"steps": self.steps, "channels": self.channels, "parameters": self.parameters, "zero": self.zero}
        return {**super().get_config(), **own}


@_register
class AddPoint(keras.layers.Layer):  # type: ignore[misc]
    """Move a forecast (B, S, C) or (B, S, C, P) by a point each, (B, S, C): all P numbers, or the first ``moved``."""

    def __init__(self, moved: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.moved = moved

    def call(self, inputs: Any) -> Any:
        forecast, point = inputs
        if len(forecast.shape) == 3:
            return forecast + point
        if self.moved is None:
            return forecast + point[..., None]
        moved = forecast[..., : self.moved] + point[..., None]
        return ops.concatenate([moved, forecast[..., self.moved :]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "moved": self.moved}


@_register
class MovesToLast(keras.layers.Layer):  # type: ignore[misc]
    """Values of the first ``variates`` less their last one, which is left out: (B, L, V) to (B, L - 1, variates)."""

    def __init__(self, variates: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variates = variates

    def call(self, window: Any) -> Any:
        own = window[:, :, : self.variates]
        return own[:, :-1] - own[:, -1:]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "variates": self.variates}


@_register
class LinearSpread(keras.layers.Layer):  # type: ignore[misc]
    """Numbers that lie around a point forecast, in units of the window's scale.

    ``call`` takes window (B, L, V) and scale (B, 1, V) and returns (B, S, C, P): a constant a step and number, plus a
    linear map of the window's absolute values, so that a restless window can widen the forecast.
    """

    def __init__(self, steps: int, channels: int, parameters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps, self.channels, self.parameters = steps, channels, parameters

    def build(self, window_shape: tuple[int | None, ...], scale_shape: tuple[int | None, ...]) -> None:  # noqa: ARG002
        size = self.steps * self.parameters
        self.kernel = self.add_weight(name="kernel", shape=(window_shape[1], size), initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        if self.parameters > 2:  # quantiles start apart, else sorting them gives all the same gradient
            self.bias.assign(ops.tile(ops.linspace(-1.0, 1.0, self.parameters), self.steps))

    def call(self, window: Any, scale: Any) -> Any:
        size = ops.abs(ops.transpose(window[:, :, : self.channels], (0, 2, 1)))
        around = ops.matmul(size, self.kernel) + self.bias
        around = ops.reshape(around, (-1, self.channels, self.steps, self.parameters))
        return ops.transpose(around, (0, 2, 1, 3)) * scale[:, :, : self.channels, None]

    def get_config(self) -> dict[str, Any]:
        own = {"steps": self.steps, "channels": self.channels, "parameters": self.parameters}
        return {**super().get_config(), **own}


@_register
class Unknown(keras.layers.Layer):  # type: ignore[misc]
    """The window without its last ``known`` variates: (B, L, V) to (B, L, V - known)."""

    def __init__(self, known: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = known

    def call(self, window: Any) -> Any:
        return window[:, :, : window.shape[2] - self.known]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "known": self.known}


@_register
class Pick(keras.layers.Layer):  # type: ignore[misc]
    """One of the numbers on the last axis, which stays, with length 1."""

    def __init__(self, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def call(self, values: Any) -> Any:
        return values[..., self.index : self.index + 1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "index": self.index}
