"""Pieces that several models share: the named input and output, and normalisation by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import keras

    from components.train.models.kind import WindowShape

Norm = Literal["none", "batch", "layer"]


def window_input(shape: WindowShape) -> keras.KerasTensor:
    """The input every model has; it is named because unnamed inputs change name with build order in exports."""
    import keras

    return keras.Input((shape.lookback, shape.features), name="window")


def normalise(x: keras.KerasTensor, norm: Norm, *, name: str) -> keras.KerasTensor:
    """Batch or layer normalisation. Layers are named, because Keras numbers unnamed ones over a process's life."""
    import keras

    layers: dict[str, Any] = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    return x if norm == "none" else layers[norm](name=name)(x)


def forecast_output(x: keras.KerasTensor) -> keras.KerasTensor:
    """One scaled label a window; float32 also under mixed precision, where a half-precision output loses digits."""
    import keras

    return keras.layers.Dense(1, dtype="float32", name="forecast")(x)
