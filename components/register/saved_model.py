"""A Keras model as a SavedModel with names that do not change.

Keras names an unnamed input after a counter of the process (``keras_tensor_13``) and an output by its position, so a
client written against one export would break on the next. Here the input is ``window`` and the output ``forecast``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE, INPUT, OUTPUT = "serving_default", "window", "forecast"


class ExportError(TandemError):
    """An export does not answer like the model it was made from."""


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Write ``model`` into ``folder`` as a SavedModel with input ``window`` and output ``forecast``.

    Raises:
        ExportError: the model has several inputs or outputs, which the signature has no names for.
    """
    import keras
    import tensorflow as tf

    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"expected a model with one input and one output, got {len(model.inputs)} and {len(model.outputs)}"
        )
    named = keras.Model(model.inputs, {OUTPUT: model.outputs[0]})
    signature = [tf.TensorSpec(model.inputs[0].shape, tf.float32, name=INPUT)]
    named.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)


def answers(folder: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Load the SavedModel as a client would and ask it: windows (n, lookback, features) to scaled labels (n,).

    Raises:
        ExportError: the file cannot be loaded, or its names are wrong.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ExportError(f"the export cannot be loaded again: {error}") from error
    served = loaded.signatures[SIGNATURE]
    names = set(served.structured_input_signature[1]), set(served.structured_outputs)
    if names != ({INPUT}, {OUTPUT}):
        raise ExportError(f"expected the export's names to be {INPUT} and {OUTPUT}, got {names[0]} and {names[1]}")
    found: NDArray[np.float32] = served(**{INPUT: tf.constant(windows)})[OUTPUT].numpy().reshape(len(windows))
    return found
