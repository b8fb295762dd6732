"""Pieces that several models share: named inputs and outputs, and normalisation by name."""

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


def ahead_input(shape: WindowShape) -> keras.KerasTensor:
    """The known covariates of the rows after the origin; for shapes that have them."""
    import keras

    return keras.Input((shape.ahead, shape.known), name="ahead")


def network(inputs: list[keras.KerasTensor], forecast: keras.KerasTensor, *, name: str) -> keras.Model:
    """The model; one input is not put into a list, because Keras would then warn at every array it is given."""
    import keras

    return keras.Model(inputs if len(inputs) > 1 else inputs[0], forecast, name=name)


def normalise(x: keras.KerasTensor, norm: Norm, *, name: str) -> keras.KerasTensor:
    """Batch or layer normalisation. Layers are named, because Keras numbers unnamed ones over a process's life."""
    import keras

    layers: dict[str, Any] = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    return x if norm == "none" else layers[norm](name=name)(x)


def forecast_output(x: keras.KerasTensor, shape: WindowShape) -> keras.KerasTensor:
    """The forecast of a vector (B, width): a label, or ``channels`` continued on the scale of the features.

    float32 also under mixed precision, where a half-precision output loses digits.
    """
    import keras

    from components.shared import layers

    if not shape.channels and shape.distribution == "point":
        return keras.layers.Dense(shape.parameters, dtype="float32", name="forecast")(x)
    size = 1
    for axis in shape.output:
        size *= axis
    x = keras.layers.Dense(size, dtype="float32", name="head")(x)
    if shape.channels:
        x = keras.layers.Reshape(shape.output, dtype="float32", name="reshape")(x)
    return layers.Distribution(shape.distribution, dtype="float32", name="forecast")(x)
