"""Monte Carlo dropout: many forecasts of each window by networks that dropout thins (Gal and Ghahramani 2016).

Each pass is one thinned network: its masks are drawn once, from a seed, and every window it is shown meets the same
ones. So a scenario and its baseline can be compared under equal masks, forecasts of neighbouring days are of one
network, and 100 passes over 500 windows need the random numbers of 100 rows, not of 50,000. All passes are rows of
one batch, in one compiled call; what comes before the first dropout is computed once for all of them. Only dropout
is on: batch normalisation keeps its moving statistics, since the passes of a batch are not a sample of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.shared import backend
from components.shared.errors import InputError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.shared.artifacts import Inputs, Prepared, TrainedModel

BATCH_BYTES = 32 << 20
"""Size of the largest tensor that a dropout of one call sees: memory stays bounded, and the caches warm."""


@dataclass(frozen=True)
class MonteCarlo:
    """Thinned networks of one trained model, the same ones at every call.

    Example::

        sampler = MonteCarlo.of(TrainedModel.open(path), passes=100, seed=0)
        difference = sampler.sample(scenario, origins) - sampler.sample(baseline, origins)  # pass by pass
    """

    model: TrainedModel
    passes: int
    _masks: tuple[Any, ...]
    _rows: int
    _network: Callable[..., Any]

    @classmethod
    def of(cls, model: TrainedModel, *, passes: int = 100, seed: int = 0) -> Self:
        """Draw the masks of ``passes`` networks and compile one call for all of them.

        The first of more passes are those of fewer, for one seed.

        Raises:
            InputError: the model has no dropout to leave on.
        """
        refusal = why_not(model)
        if refusal:
            raise InputError(refusal)
        from keras import ops

        from components.shared.thinning import draw_masks, thinned

        network, masks = thinned(_of_target(model))
        shapes = masks.shapes(network)
        drawn = draw_masks(shapes, passes, seed)
        largest = max(int(np.prod(shape.size)) for shape in shapes)
        rows = max(1, BATCH_BYTES // (4 * largest))
        return cls(model, passes, tuple(map(ops.convert_to_tensor, drawn)), rows, _compiled(network, masks))

    def scaled(self, inputs: NDArray[np.float32] | Inputs) -> NDArray[np.float32]:
        """Point forecasts of the target on the model's scale, (passes, windows, steps); one step for labels.

        Args:
            inputs: (windows, lookback, features), or each of the model's ``input_names``.
        """
        given = inputs if isinstance(inputs, Mapping) else {"window": inputs}
        arrays = [np.asarray(given[name], dtype=np.float32) for name in self.model.input_names]
        windows = len(arrays[0])
        found = np.empty((self.passes, windows, self.model.preprocessing.steps), dtype=np.float32)
        beside = min(self.passes, self._rows)
        together = max(1, self._rows // beside)
        for first in range(0, self.passes, beside):
            # Cutting a tensor costs as much as a small network: leave whole what fits.
            masks = self._masks if beside == self.passes else [mask[first : first + beside] for mask in self._masks]
            for start in range(0, windows, together):
                part = [array[start : start + together] for array in arrays]
                found[first : first + beside, start : start + together] = self._network(part, masks)
        return found

    def sample(self, inputs: NDArray[np.float32] | Inputs, origins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Point forecasts of the target in its own units, (passes, windows, steps).

        Args:
            inputs: as in :meth:`scaled`.
            origins: the target at the origin of each window, (windows,), which labels are changes from.
        """
        return self.model.preprocessing.invert(self.scaled(inputs), np.asarray(origins)[None, :, None])

    def forecast(self, prepared: Prepared, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The same for windows of a prepared artifact by their first rows, (passes, windows, steps)."""
        origins = np.asarray(prepared.targets[prepared.origins(starts)])
        return self.sample(prepared.inputs(starts, self.model.input_names), origins)


def why_not(model: TrainedModel) -> str:
    """Say why Monte Carlo dropout cannot sample a model, and what can be done; empty when it can."""
    if model.framework != "keras":
        remedy = "sample its members" if model.members else "its spread comes from quantiles: train.loss quantile"
        return f"{model.path}: {model.name} is no network with dropout, so no pass differs from another; {remedy}"
    from components.shared.thinning import dropouts

    if not dropouts(model.keras):
        return (
            f"{model.path}: this {model.name} has no dropout, so no pass differs from another; "
            "set train.model.dropout above 0, where its kind has one, and train again"
        )
    return ""


def _of_target(model: TrainedModel) -> keras.Model:
    """The network with the target's point forecasts as its one output, (windows, steps)."""
    import keras

    output = model.keras.outputs[0]
    if model.preprocessing.predict != "label":
        output = output[:, :, 0]
        output = output[..., model.point] if len(output.shape) == 3 else output
    elif output.shape[-1] > 1:
        output = output[:, model.point : model.point + 1]
    given = {tensor.name: tensor for tensor in model.keras.inputs}
    return keras.Model([given[name] for name in model.input_names], output, name=model.name)


def _compiled(network: keras.Model, masks: Any) -> Callable[..., Any]:
    """A call of inputs and masks that answers (passes, windows, steps) as an array."""
    from keras import ops

    steps = network.outputs[0].shape[-1]

    def call(arrays: Any, drawn: Any) -> Any:
        masks.use(drawn)
        answer = network(list(arrays), training=False)
        return ops.reshape(ops.cast(answer, "float32"), (ops.shape(drawn[0])[0], -1, steps))

    if backend.current() == "tensorflow":
        import tensorflow as tf

        inputs = [tf.TensorSpec((None, *tensor.shape[1:]), tf.float32) for tensor in network.inputs]
        thin = [tf.TensorSpec((None, *shape.size), tf.bool) for shape in masks.shapes(network)]
        compiled = tf.function(call, input_signature=[inputs, thin])
        return lambda arrays, drawn: compiled([tf.convert_to_tensor(a) for a in arrays], list(drawn)).numpy()
    return lambda arrays, drawn: ops.convert_to_numpy(call(arrays, list(drawn)))
