"""Whole epochs in one jitted ``fori_loop``. XLA is JAX's only compiler, so there is no choice to make."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import keras

from components.train.stepping import EVALUATION_BATCH, calls, fed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.train.losses import Loss
    from components.train.source import WindowSource

State = tuple[list[Any], list[Any], list[Any]]
"""Trainable, other, and optimizer variables, as arrays."""


class JaxStepper:
    """See :class:`components.train.stepping.Stepper`. Keras's variables are read before a call and written after it."""

    def __init__(self, model: keras.Model, loss: Loss, source: WindowSource) -> None:
        self.model, self.loss, self.source = model, loss, source
        model.optimizer.build(model.trainable_variables)
        self._gradient = jax.value_and_grad(self._loss, has_aux=True)
        self._train = jax.jit(self._train_steps, static_argnames="size")
        self._evaluate = jax.jit(self._evaluate_steps, static_argnames="size")

    @cached_property
    def features(self) -> Any:
        return jnp.asarray(self.source.features)

    @cached_property
    def labels(self) -> Any:
        return jnp.asarray(self.source.labels)

    def train(self, starts: NDArray[np.int32], batch_size: int) -> float:
        order, total = jnp.asarray(starts), 0.0
        full = len(starts) // batch_size
        state = self._read()
        for first, last in calls(full):
            state, part = self._train(state, self.features, self.labels, order, first, last, size=batch_size)
            total += float(part)
        rest = order[full * batch_size :]
        if len(rest):
            state, part = self._train(state, self.features, self.labels, rest, 0, 1, size=len(rest))
            total += float(part)
        self._write(state)
        return total / len(starts)

    def evaluate(self, starts: NDArray[np.int32]) -> float:
        order, size = jnp.asarray(starts), min(EVALUATION_BATCH, len(starts))
        full = len(starts) // size
        trainable, other, _ = self._read()
        run = partial(self._evaluate, trainable, other, self.features, self.labels)
        total = float(run(order, full, size=size))
        rest = order[full * size :]
        if len(rest):
            total += float(run(rest, 1, size=len(rest)))
        return total / len(starts)

    def _read(self) -> State:
        model = self.model
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        trainable, other, optimizer = ([variable.value for variable in group] for group in groups)
        return trainable, other, optimizer

    def _write(self, state: State) -> None:
        model = self.model
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _train_steps(
        self, state: State, features: Any, labels: Any, order: Any, first: Any, last: Any, *, size: int
    ) -> tuple[State, Any]:
        def step(index: Any, carried: tuple[State, Any]) -> tuple[State, Any]:
            (trainable, other, optimizer), total = carried
            starts = jax.lax.dynamic_slice(order, (index * size,), (size,))
            inputs, answers = self.source.device_batch(features, labels, starts)
            (_, (loss, other)), slopes = self._gradient(trainable, other, optimizer, inputs, answers)
            trainable, optimizer = self.model.optimizer.stateless_apply(optimizer, slopes, trainable)
            return (trainable, other, optimizer), total + loss * size

        return jax.lax.fori_loop(first, last, step, (state, jnp.float32(0)))

    def _loss(self, trainable: Any, other: Any, optimizer: Any, inputs: Any, answers: Any) -> Any:
        forecast, other, extra = self.model.stateless_call(
            trainable, other, fed(self.model, inputs), training=True, return_losses=True
        )
        loss = jnp.mean(self.loss(answers, forecast.astype(jnp.float32))) + sum(extra)
        known = zip(self.model.optimizer.variables, optimizer, strict=True)
        with keras.StatelessScope(state_mapping=list(known)):  # the scale of a mixed-precision loss is a variable
            scaled = self.model.optimizer.scale_loss(loss)
        return scaled, (loss, other)

    def _evaluate_steps(
        self, trainable: Any, other: Any, features: Any, labels: Any, order: Any, steps: Any, *, size: int
    ) -> Any:
        def step(index: Any, total: Any) -> Any:
            starts = jax.lax.dynamic_slice(order, (index * size,), (size,))
            inputs, answers = self.source.device_batch(features, labels, starts)
            forecast, _ = self.model.stateless_call(trainable, other, fed(self.model, inputs), training=False)
            return total + jnp.sum(self.loss(answers, forecast.astype(jnp.float32)))

        return jax.lax.fori_loop(0, steps, step, jnp.float32(0))
