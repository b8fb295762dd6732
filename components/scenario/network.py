"""The model as the engine asks it: compiled once, many windows a call, answers in the target's own unit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.shared import backend, monte_carlo
from components.shared.errors import InputError
from components.shared.monte_carlo import MonteCarlo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import Inputs, TrainedModel

    Answering = Callable[[Inputs], NDArray[np.float32]]


@dataclass(frozen=True)
class Forecaster:
    """A model, its thinned networks where it has dropout, and why not where it has none.

    The networks of Monte Carlo dropout are drawn once, so every window, of a scenario or of its baseline, meets the
    same ones.
    """

    model: TrainedModel
    answering: Answering
    sampler: MonteCarlo | None
    no_passes: str
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, model: TrainedModel, *, passes: int, seed: int) -> Self:
        """Compile the calls; ``passes`` of 0 does without Monte Carlo dropout."""
        refusal = monte_carlo.why_not(model) if passes else "no passes were asked for"
        sampler = None if refusal else MonteCarlo.of(model, passes=passes, seed=seed)
        return cls(model, _answering(model), sampler, refusal)

    @property
    def steps(self) -> int:
        """Rows ahead that are forecast: every one of a path, the horizon alone of a label."""
        return self.model.preprocessing.steps if self.model.framework == "keras" else 1

    def described(self, inputs: Inputs) -> NDArray[np.float32]:
        """All numbers that describe each step's forecast, scaled, (n, steps, parameters).

        Raises:
            InputError: the model answers something that is not a number.
        """
        answer = self.answering(inputs)
        if not np.isfinite(answer).all():
            raise InputError("the model answers NaN or infinity for these values: they are too far from what it knows")
        return answer

    def points(self, described: NDArray[np.float32], origins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Point forecasts in the target's unit, (n, steps), from descriptions and the target at each origin, (n,)."""
        return self.model.preprocessing.invert(described[:, :, self.model.point], origins[:, None])

    def passes(self, inputs: Inputs, origins: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Forecasts of every thinned network in the target's unit, (passes, n, steps); None without dropout."""
        if self.sampler is None:
            return None
        with self._lock:  # backends that run uncompiled hand the masks over through the network itself
            return self.sampler.sample(inputs, origins)


def _answering(model: TrainedModel) -> Answering:
    """A function from inputs to (n, steps, parameters) of the target, scaled."""
    if model.framework == "ensemble":
        return _mean_of_members(model)
    if model.framework != "keras":
        return lambda inputs: model.describe(inputs)[:, None, :]
    names, network = model.input_names, model.keras

    def call(*arrays: Any) -> Any:
        return network(dict(zip(names, arrays, strict=True)) if len(names) > 1 else arrays[0], training=False)

    shapes = {tensor.name: tuple(tensor.shape) for tensor in network.inputs}
    compiled = _compiled(call, [shapes[name] for name in names])
    path = model.preprocessing.predict != "label"
    return lambda inputs: _of_target(compiled(*(inputs[name] for name in names)), path=path)


def _compiled(call: Callable[..., Any], shapes: list[tuple[int | None, ...]]) -> Callable[..., NDArray[np.float32]]:
    """Trace a call once for any number of windows: the batch axis stays open. Other backends run it as it is."""
    if backend.current() != "tensorflow":
        from keras import ops

        return lambda *arrays: np.asarray(ops.convert_to_numpy(call(*arrays)), dtype=np.float32)
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *shape[1:]), tf.float32) for shape in shapes]
    traced = tf.function(lambda *arrays: tf.cast(call(*arrays), tf.float32), input_signature=signature)
    return lambda *arrays: np.asarray(traced(*map(tf.convert_to_tensor, arrays)))


def _mean_of_members(model: TrainedModel) -> Answering:
    """Weighted mean of the members' points, as :meth:`TrainedModel.describe` has it, by their compiled calls."""
    answering = {name: _answering(member) for name, member in model.members.items()}

    def answer(inputs: Inputs) -> NDArray[np.float32]:
        points = [answering[name](inputs)[:, -1, member.point] for name, member in model.members.items()]
        mean = np.average(np.asarray(points, dtype=np.float64), axis=0, weights=list(model.weights.values()))
        return np.asarray(mean, dtype=np.float32)[:, None, None]

    return answer


def _of_target(answer: NDArray[np.float32], *, path: bool) -> NDArray[np.float32]:
    """A label has one step; of a path (n, steps, channels[, parameters]) the leading channel is the target."""
    if not path:
        return answer.reshape(len(answer), 1, -1)
    target = answer[:, :, 0]
    return target if target.ndim == 3 else target[..., None]
