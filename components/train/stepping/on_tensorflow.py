"""Whole epochs in one ``tf.function``, with or without XLA, on one device or in lock step on several.

Several devices work under the ``tf.distribute`` strategy in whose scope the stepper is made. The batch is the global
one: each replica takes its slice, gathers it from an array of its own, and applies the gradient of the whole batch.
Outside a strategy TensorFlow's default one holds, of one replica, and none of that is in the compiled function.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.train.stepping import EVALUATION_BATCH, calls, fed
from components.train.stepping.replicas import mean, own, reduce_no_more, summed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.train.losses import Loss
    from components.train.source import WindowSource


class TensorFlowStepper:
    """See :class:`components.train.stepping.Stepper`."""

    def __init__(self, model: keras.Model, loss: Loss, source: WindowSource, *, xla: bool) -> None:
        self.model, self.loss, self.source = model, loss, source
        self.strategy = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
        self.replicas = self.strategy.num_replicas_in_sync if self.strategy else 1
        self.variables = model.trainable_variables
        model.optimizer.build(self.variables)
        if self.replicas > 1:
            reduce_no_more(model.optimizer)
        self._train = tf.function(self._train_steps, jit_compile=xla)
        self._evaluate = tf.function(self._evaluate_steps, jit_compile=xla)

    @cached_property
    def arrays(self) -> tuple[Any, Any]:
        """Features and labels on the device; under a strategy variables, of which each replica holds its own copy."""
        arrays = self.source.features, self.source.labels
        if self.strategy is None:
            return on_device(arrays[0]), on_device(arrays[1])
        with self.strategy.scope():
            return tf.Variable(arrays[0], trainable=False), tf.Variable(arrays[1], trainable=False)

    def train(self, starts: NDArray[np.int32], batch_size: int) -> float:
        order, total = tf.constant(starts), 0.0
        full = len(starts) // batch_size
        for first, last in calls(full):
            total += float(self._train(*self.arrays, order, tf.constant(first), tf.constant(last), batch_size))
        rest = starts[full * batch_size :]
        if len(rest):
            total += float(self._train(*self.arrays, tf.constant(rest), tf.constant(0), tf.constant(1), len(rest)))
        return total / len(starts)

    def evaluate(self, starts: NDArray[np.int32]) -> float:
        order, size = tf.constant(starts), min(EVALUATION_BATCH, len(starts))
        full = len(starts) // size
        total = float(self._evaluate(*self.arrays, order, tf.constant(full), size))
        rest = starts[full * size :]
        if len(rest):
            total += float(self._evaluate(*self.arrays, tf.constant(rest), tf.constant(1), len(rest)))
        return total / len(starts)

    def _train_steps(self, features: Any, labels: Any, order: Any, first: Any, last: Any, size: int) -> Any:
        """Steps ``first`` to ``last``, exclusive, of ``size`` windows each; returns the sum of their losses."""
        total = tf.constant(0.0)
        for step in tf.range(first, last):
            windows = tf.slice(order, [step * size], [size])
            total += self._everywhere(self._step, features, labels, windows) * size
        return total

    def _everywhere(self, step: Any, *given: Any) -> Any:
        """What a step answers, which is the same on every replica."""
        if self.strategy is None:
            return step(*given)
        return self.strategy.experimental_local_results(self.strategy.run(step, args=given))[0]

    def _step(self, features: Any, labels: Any, windows: Any) -> Any:
        starts, counted = own(windows, self.replicas)
        inputs, answers = self.source.device_batch(features, labels, starts)
        optimizer = self.model.optimizer
        with tf.GradientTape() as tape:
            forecast = tf.cast(self.model(fed(self.model, inputs), training=True), tf.float32)
            loss = mean(self.loss(answers, forecast), counted, windows.shape[0])
            loss += sum(self.model.losses) / self.replicas  # penalties of weights, which every replica holds
            scaled = optimizer.scale_loss(loss)
        slopes = tape.gradient(scaled, self.variables)
        if self.replicas > 1:
            loss, slopes = summed(loss, slopes)
        optimizer.apply(slopes, self.variables)
        return loss

    def _evaluate_steps(self, features: Any, labels: Any, order: Any, steps: Any, size: int) -> Any:
        return self._everywhere(self._evaluate_own, features, labels, order, steps, size)

    def _evaluate_own(self, features: Any, labels: Any, order: Any, steps: Any, size: int) -> Any:
        total = tf.constant(0.0)
        for step in tf.range(steps):
            starts, counted = own(tf.slice(order, [step * size], [size]), self.replicas)
            inputs, answers = self.source.device_batch(features, labels, starts)
            forecast = tf.cast(self.model(fed(self.model, inputs), training=False), tf.float32)
            losses = self.loss(answers, forecast)
            total += tf.reduce_sum(losses if counted is None else losses * counted)
        return total if self.replicas == 1 else summed(total, [])[0]


def on_device(array: NDArray[np.float32]) -> Any:
    """The array as a tensor; on a CPU without a copy where it can be, so that memory holds it once."""
    on_cpu = not tf.config.get_visible_devices("GPU")
    # TensorFlow aborts on a tensor that is not aligned to 64 bytes; arrays mapped from .npy files are.
    if on_cpu and array.size and array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % 64 == 0:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
