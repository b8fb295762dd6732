"""A model as one compiled call: a Keras network asked directly from Python takes fifty times as long for one window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import Inputs, TrainedModel

    Describe = Callable[[Inputs], NDArray[np.float32]]
    """Inputs of n windows to the numbers that describe each forecast, (n, parameters), scaled."""


def describing(model: TrainedModel) -> Describe:
    """The same answers as :meth:`components.shared.artifacts.TrainedModel.describe`, compiled where that helps."""
    if model.framework == "ensemble":
        return _ensemble(model)
    if model.framework == "keras":
        import keras

        if keras.backend.backend() == "tensorflow":
            return _network(model)
    return model.describe


def _ensemble(model: TrainedModel) -> Describe:
    members = [(describing(member), member.point, model.weights[name]) for name, member in model.members.items()]

    def describe(inputs: Inputs) -> NDArray[np.float32]:
        answers = [ask(inputs)[:, point].astype(np.float64) for ask, point, _ in members]
        mean = np.average(answers, axis=0, weights=[weight for _, _, weight in members])
        return np.asarray(mean, dtype=np.float32)[:, None]

    return describe


def _network(model: TrainedModel) -> Describe:
    import tensorflow as tf

    network, names = model.keras, model.input_names
    of_path = model.preprocessing.predict != "label"
    # The batch axis stays open, so that one trace serves batches of any size.
    shapes = {name: (None, *tensor.shape[1:]) for name, tensor in zip(names, network.inputs, strict=True)}

    @tf.function(input_signature=[{name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}])
    def answer(inputs: Any) -> Any:
        given = inputs if len(names) > 1 else inputs[names[0]]
        described = network(given, training=False)
        # Of a path, the last step of the target, which is the first channel.
        return described[:, -1, 0] if of_path else described

    def describe(inputs: Inputs) -> NDArray[np.float32]:
        found = answer({name: tf.constant(inputs[name]) for name in names}).numpy()
        return np.asarray(found.reshape(len(found), -1))

    return describe
