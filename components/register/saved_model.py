"""A Keras model as a SavedModel with names that do not change.

Keras names an unnamed input after a counter of the process (``keras_tensor_13``) and an output by its position, so a
client written against one export would break on the next. Here the input is ``window``, with ``ahead`` beside it for
models that take features known ahead, and the output ``forecast``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from components.shared.artifacts import Inputs

SIGNATURE, INPUT, AHEAD, OUTPUT = "serving_default", "window", "ahead", "forecast"


class ExportError(TandemError):
    """An export does not answer like the model it was made from."""


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Write ``model`` into ``folder`` as a SavedModel with input ``window`` and output ``forecast``.

    Raises:
        ExportError: the model has other inputs than ``window`` and ``ahead``, or several outputs.
    """
    import keras
    import tensorflow as tf

    names = [INPUT] if len(model.inputs) == 1 else [tensor.name for tensor in model.inputs]
    if names not in ([INPUT], [INPUT, AHEAD]) or len(model.outputs) != 1:
        raise ExportError(
            f"expected a model with the inputs {INPUT} and perhaps {AHEAD}, and one output, "
            f"got {', '.join(names)} and {len(model.outputs)}"
        )
    named = keras.Model(model.inputs, {OUTPUT: model.outputs[0]})
    specs = [
        tf.TensorSpec(tensor.shape, tf.float32, name=name) for tensor, name in zip(model.inputs, names, strict=True)
    ]
    signature = specs if len(specs) == 1 else [specs]
    named.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)


def answers(folder: Path, inputs: Inputs) -> NDArray[np.float32]:
    """Load the SavedModel as a client would and ask it: inputs of n windows by name to scaled labels (n,).

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
    if names not in (({INPUT}, {OUTPUT}), ({INPUT, AHEAD}, {OUTPUT})):
        raise ExportError(f"expected the export's names to be {INPUT} and {OUTPUT}, got {names[0]} and {names[1]}")
    asked = {name: tf.constant(inputs[name]) for name in names[0]}
    found: NDArray[np.float32] = served(**asked)[OUTPUT].numpy().reshape(len(inputs[INPUT]))
    return found
