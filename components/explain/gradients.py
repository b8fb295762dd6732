"""The one place that differentiates a Keras model. Everything above it sees NumPy arrays and plain functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared import trial
from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.shared.artifacts import TrainedModel

    Arrays = Sequence[NDArray[np.float32]]
    """What a model takes, one array an input, each (n, rows, features of that input)."""

COMPILED_BATCH = 48
"""Points a call of a model compiled by XLA: its attention stays in the processor's cache up to about there. It is three
times a power of two because quadratures begin with three nodes, and pieces of a path have six."""
WORTH_COMPILING_S = 10.0
"""Seconds of work below which XLA's own seconds cannot come back."""


class GradientError(TandemError):
    """The gradient of a model cannot be taken."""


@dataclass(frozen=True)
class Differentiable:
    """A model as one plain function.

    ``slopes`` takes the beginnings of ``n`` segments and where they lead to less that, nodes on [0, 1] with their
    weights, and which output to differentiate. It gives the outputs at ``begin + node * move``, (n, nodes, outputs),
    and the weighted sum over the nodes of the gradient there, in the shapes of the inputs. Nodes are evaluated inside
    the compiled function: what travels between the device and this process does not grow with them.
    """

    slopes: Callable[
        [Arrays, Arrays, NDArray[np.float32], NDArray[np.float32], int], tuple[NDArray[np.float32], Arrays]
    ]
    batch: int = 1536
    """Most points, segments times nodes, that a call should have."""
    fixed: bool = False
    """Whether each new number of points costs a compilation."""

    def segments(self, nodes: int) -> int:
        """Segments a call: a power of two, so that doubled nodes come to the same number of points."""
        return 1 << max(0, (self.batch // nodes).bit_length() - 1)


def steps_model(model: TrainedModel, steps: Sequence[int]) -> keras.Model:
    """The network with one output, the point forecast of each of ``steps`` rows ahead: its inputs to (n, steps).

    A label is one forecast, at the horizon.
    """
    import keras

    from components.explain import folding, narrowing
    from components.shared import layers

    network = folding.folded(narrowing.narrowed(model.keras))
    output = network.outputs[0]
    if model.preprocessing.predict == "label":
        if output.shape[-1] > 1:
            output = layers.Pick(model.point, name="point")(output)
        return keras.Model(network.inputs, output, name=model.name)
    output = output[:, :, 0]
    if len(output.shape) == 3:
        output = output[:, :, model.point]
    chosen = keras.ops.take(output, np.asarray(steps) - 1, axis=1)
    return keras.Model(network.inputs, chosen, name=model.name)


def of_model(model: keras.Model, *, batch: int = 1536, points: int = 0) -> Differentiable:
    """Compile the functions of a model, which runs in inference mode: no dropout, moving statistics.

    Args:
        model: inputs (n, rows, features), one output (n, outputs).
        batch: points a call; memory is bounded by it.
        points: gradients that will be asked for. When they are many, a trial decides whether XLA compiles them too.

    Raises:
        GradientError: Keras runs on a backend that has no entry in :data:`BACKENDS`.
    """
    import keras

    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise GradientError(f"explain can differentiate on {', '.join(BACKENDS)}, but Keras runs on {backend}")
    return BACKENDS[backend](model, batch, points)


def _tensorflow(model: keras.Model, batch: int, points: int) -> Differentiable:
    plain = _tensorflow_functions(model, batch, compiled=False)
    if not _may_gain(model) or points <= COMPILED_BATCH:
        return plain
    # The second call is timed, the first one traces.
    seconds = trial.faster_of({"plain": lambda: _try(model, plain)}, rounds=1).seconds["plain"]
    if seconds * points / COMPILED_BATCH < WORTH_COMPILING_S:
        return plain
    compiled = _tensorflow_functions(model, COMPILED_BATCH, compiled=True)
    candidates = {"plain": lambda: _try(model, plain), "xla": lambda: _try(model, compiled)}
    return compiled if trial.faster_of(candidates, rounds=3).winner == "xla" else plain


def _may_gain(model: keras.Model) -> bool:
    """Whether XLA can be faster: on a CPU it runs the loops of recurrent layers many times slower.

    Of an attention it fuses what lies between the products; where all of them are folded or narrowed, little is left.
    """
    import keras

    from components.explain.folding import EmbeddedAttention
    from components.shared.layers import SelfAttention

    held = {type(layer) for layer in model.layers}
    folded = EmbeddedAttention in held and SelfAttention not in held
    return not folded and not any(issubclass(kind, keras.layers.RNN) for kind in held)


def _try(model: keras.Model, candidate: Differentiable) -> None:
    at = [np.zeros((COMPILED_BATCH, *given.shape[1:]), dtype=np.float32) for given in model.inputs]
    once = np.ones(1, dtype=np.float32)
    candidate.slopes(at, at, once, once, 0)


def _tensorflow_functions(model: keras.Model, batch: int, *, compiled: bool) -> Differentiable:
    import tensorflow as tf

    windows = [tf.TensorSpec((None, *given.shape[1:]), tf.float32) for given in model.inputs]
    vector = tf.TensorSpec((None,), tf.float32)
    outputs = int(model.outputs[0].shape[-1])

    def answer(points: Any) -> Any:
        return tf.cast(model(points if len(points) > 1 else points[0], training=False), tf.float32)

    # Nothing here branches on a tensor, and rewriting the model's code for that takes longer than tracing it.
    @tf.function(jit_compile=compiled, autograph=False)  # type: ignore[untyped-decorator]
    def gradient(points: Any, chosen: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points)
            output = answer(points)
            # Rows of a batch do not see each other in inference mode, so the gradient of the sum holds each row's own.
            wanted = tf.linalg.matvec(output, chosen)
        return output, tape.gradient(wanted, points, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    signature = [windows, windows, vector, vector, vector]

    # One trace serves every batch size and every rule: those axes stay open.
    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def weighted(begins: Any, moves: Any, positions: Any, weights: Any, chosen: Any) -> Any:
        nodes = tf.size(positions)
        points = []
        for begin, move, given in zip(begins, moves, model.inputs, strict=True):
            path = begin[:, None] + positions[None, :, None, None] * move[:, None]
            points.append(tf.reshape(path, (-1, *given.shape[1:])))
        output, slopes = gradient(points, chosen)
        split = [tf.reshape(slope, (-1, nodes, *slope.shape[1:])) for slope in slopes]
        integrals = [tf.reduce_sum(slope * weights[None, :, None, None], axis=1) for slope in split]
        return tf.reshape(output, (-1, nodes, outputs)), integrals

    def slopes(begins: Arrays, moves: Arrays, positions: Any, weights: Any, output: int) -> tuple[Any, Arrays]:
        chosen = np.eye(outputs, dtype=np.float32)[output]
        given = [[tf.convert_to_tensor(array, tf.float32) for array in arrays] for arrays in (begins, moves)]
        answers, found = weighted(*given, positions, weights, chosen)
        return answers.numpy(), [slope.numpy() for slope in found]

    return Differentiable(slopes, batch, fixed=compiled)


BACKENDS: dict[str, Callable[[keras.Model, int, int], Differentiable]] = {"tensorflow": _tensorflow}
"""How each Keras backend differentiates a model."""
