"""Whole epochs in one ``tf.function``, with or without XLA."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.train.stepping import EVALUATION_BATCH, calls, fed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.train.losses import Loss
    from components.train.source import WindowSource


class TensorFlowStepper:
    """See :class:`components.train.stepping.Stepper`."""

    def __init__(self, model: keras.Model, loss: Loss, source: WindowSource, *, xla: bool) -> None:
        self.model, self.loss, self.source = model, loss, source
        self.variables = model.trainable_variables
        model.optimizer.build(self.variables)
        self._train = tf.function(self._train_steps, jit_compile=xla)
        self._evaluate = tf.function(self._evaluate_steps, jit_compile=xla)

    @cached_property
    def features(self) -> Any:
        with tf.init_scope():  # first asked for while a function is traced, but not part of it
            return on_device(self.source.features)

    @cached_property
    def labels(self) -> Any:
        with tf.init_scope():  # first asked for while a function is traced, but not part of it
            return on_device(self.source.labels)

    def train(self, starts: NDArray[np.int32], batch_size: int) -> float:
        order, total = tf.constant(starts), 0.0
        full = len(starts) // batch_size
        for first, last in calls(full):
            total += float(self._train(order, tf.constant(first), tf.constant(last), batch_size))
        rest = starts[full * batch_size :]
        if len(rest):
            total += float(self._train(tf.constant(rest), tf.constant(0), tf.constant(1), len(rest)))
        return total / len(starts)

    def evaluate(self, starts: NDArray[np.int32]) -> float:
        order, size = tf.constant(starts), min(EVALUATION_BATCH, len(starts))
        full = len(starts) // size
        total = float(self._evaluate(order, tf.constant(full), size))
        rest = starts[full * size :]
        if len(rest):
            total += float(self._evaluate(tf.constant(rest), tf.constant(1), len(rest)))
        return total / len(starts)

    def _train_steps(self, order: Any, first: Any, last: Any, size: int) -> Any:
        """Steps ``first`` to ``last``, exclusive, of ``size`` windows each; returns the sum of their losses."""
        total = tf.constant(0.0)
        for step in tf.range(first, last):
            total += self._step(tf.slice(order, [step * size], [size])) * size
        return total

    def _step(self, starts: Any) -> Any:
        inputs, labels = self.source.device_batch(self.features, self.labels, starts)
        optimizer = self.model.optimizer
        with tf.GradientTape() as tape:
            forecast = tf.cast(self.model(fed(self.model, inputs), training=True), tf.float32)
            loss = tf.reduce_mean(self.loss(labels, forecast)) + sum(self.model.losses)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply(tape.gradient(scaled, self.variables), self.variables)
        return loss

    def _evaluate_steps(self, order: Any, steps: Any, size: int) -> Any:
        total = tf.constant(0.0)
        for step in tf.range(steps):
            starts = tf.slice(order, [step * size], [size])
            inputs, labels = self.source.device_batch(self.features, self.labels, starts)
            forecast = tf.cast(self.model(fed(self.model, inputs), training=False), tf.float32)
            total += tf.reduce_sum(self.loss(labels, forecast))
        return total


def on_device(array: NDArray[np.float32]) -> Any:
    """The array as a tensor; on a CPU without a copy where it can be, so that memory holds it once."""
    on_cpu = not tf.config.get_visible_devices("GPU")
    # TensorFlow aborts on a tensor that is not aligned to 64 bytes; arrays mapped from .npy files are.
    if on_cpu and array.size and array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % 64 == 0:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
