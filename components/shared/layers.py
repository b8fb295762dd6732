"""Keras layers of Tandem's own, written in ``keras.ops`` alone, so that TensorFlow, torch and JAX run them alike.

They live where every stage can see them, because a saved model that holds one loads only once it is registered:
importing this module registers all of them. Shapes: B batch, L lookback, S steps ahead, V variates, D model width.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="tandem")


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

    def call(self, window: Any) -> tuple[Any, Any, Any]:
        variates = window.shape[-1] - self.unscaled
        own = window[:, :, :variates]
        mean = ops.mean(own, axis=1, keepdims=True)
        location = own[:, -1:] if self.center == "last" else mean
        # What is subtracted and divided by is data, not something to learn through.
        location = ops.stop_gradient(location)
        spread = ops.mean(ops.square(own - mean), axis=1, keepdims=True)
        scale = ops.stop_gradient(ops.sqrt(spread + self.epsilon))
        scaled = (own - location) / scale
        if self.unscaled:
            scaled = ops.concatenate([scaled, window[:, :, variates:]], axis=-1)
        return scaled, location, scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unscaled": self.unscaled, "center": self.center, "epsilon": self.epsilon}


@_register
class WindowDenormalization(keras.layers.Layer):  # type: ignore[misc]
    """Undo :class:`WindowNormalization` on a forecast of the first variates.

    ``call`` takes forecast (B, S, C) or (B, S, C, P), location and scale (B, 1, V), C <= V; P numbers describe a value
    on the normalised scale, and each is moved and stretched alike.
    """

    def call(self, forecast: Any, location: Any, scale: Any) -> Any:
        channels = forecast.shape[2]
        location, scale = location[:, :, :channels], scale[:, :, :channels]
        if len(forecast.shape) == 4:
            location, scale = location[..., None], scale[..., None]
        return forecast * scale + location


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
        self.project_in = keras.layers.Dense(3 * width, dtype=self.dtype_policy, name="query_key_value")
        self.project_in.build(shape)
        # Glorot over one (D, 3 D) matrix would start narrower than over three (D, D) ones.
        draw = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator())
        parts = [draw((width, width)) for _ in range(3)]
        self.project_in.kernel.assign(ops.concatenate(parts, axis=1))
        self.project_out = keras.layers.Dense(width, dtype=self.dtype_policy, name="output")
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
    value alone; :func:`components.train.models.ridge.solve` gives the closed form to start from instead.

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
