"""The one place that differentiates a Keras model. Everything above it sees NumPy arrays and a plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    Gradient = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Windows (n, lookback, features) to the model's output (n,) and its gradient (n, lookback, features)."""


class GradientError(TandemError):
    """The gradient of a model cannot be taken."""


def of_model(model: keras.Model) -> Gradient:
    """Compile a function that answers a model's output and gradient for a batch of windows.

    The model runs in inference mode: dropout is off and batch normalisation uses its moving statistics.

    Args:
        model: one input (n, lookback, features), one output (n, 1) or (n,).

    Raises:
        GradientError: Keras runs on a backend that has no entry in :data:`BACKENDS`.
    """
    import keras

    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise GradientError(f"explain can differentiate on {', '.join(BACKENDS)}, but Keras runs on {backend}")
    return BACKENDS[backend](model)


def _tensorflow(model: keras.Model) -> Gradient:
    import tensorflow as tf

    # One trace serves every batch size: the batch axis stays open.
    signature = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)

    @tf.function(input_signature=[signature])
    def output_and_gradient(windows: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(windows)
            # Rows of a batch do not see each other in inference mode, so the gradient of the sum holds each row's own.
            output = tf.reshape(tf.cast(model(windows, training=False), tf.float32), (tf.shape(windows)[0],))
        return output, tape.gradient(output, windows, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def gradient(windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        output, slopes = output_and_gradient(tf.convert_to_tensor(windows, tf.float32))
        return output.numpy(), slopes.numpy()

    return gradient


BACKENDS: dict[str, Callable[[keras.Model], Gradient]] = {"tensorflow": _tensorflow}
"""How each Keras backend differentiates a model."""
