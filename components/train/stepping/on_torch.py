"""Epochs in torch, eager unless a compile mode is asked for; arrays and gather are on the device."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import torch
from keras import ops

from components.shared.compilation import compiled
from components.train.stepping import EVALUATION_BATCH, fed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.shared.compilation import CompileMode
    from components.train.losses import Loss
    from components.train.source import Inputs, WindowSource


class TorchStepper:
    """See :class:`components.train.stepping.Stepper`."""

    def __init__(self, model: keras.Model, loss: Loss, source: WindowSource, compile_mode: CompileMode) -> None:
        self.model, self.loss, self.source = model, loss, source
        self._forward = compiled(self._training_loss, compile_mode)
        model.optimizer.build(model.trainable_variables)

    @cached_property
    def features(self) -> Any:
        return ops.convert_to_tensor(self.source.features)

    @cached_property
    def labels(self) -> Any:
        return ops.convert_to_tensor(self.source.labels)

    def train(self, starts: NDArray[np.int32], batch_size: int) -> float:
        order = ops.convert_to_tensor(starts)
        self.model.train()
        # The sum stays on the device: reading it every step would make the CPU wait for the GPU.
        total = sum(self._step(order[i : i + batch_size]) for i in range(0, len(starts), batch_size))
        return float(total) / len(starts)

    def evaluate(self, starts: NDArray[np.int32]) -> float:
        order = ops.convert_to_tensor(starts)
        self.model.eval()
        with torch.no_grad():
            parts = [self._evaluate(order[i : i + EVALUATION_BATCH]) for i in range(0, len(starts), EVALUATION_BATCH)]
        return float(sum(parts)) / len(starts)

    def _step(self, starts: Any) -> Any:
        inputs, labels = self.source.device_batch(self.features, self.labels, starts)
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        for variable in variables:
            variable.value.grad = None
        loss = self._forward(inputs, labels)
        optimizer.scale_loss(loss).backward()
        with torch.no_grad():
            optimizer.apply([variable.value.grad for variable in variables], variables)
        return loss.detach() * len(starts)

    def _training_loss(self, inputs: Inputs, labels: Any) -> Any:
        forecast = self.model(fed(self.model, inputs), training=True)
        return torch.mean(self.loss(labels, forecast.float())) + sum(self.model.losses)

    def _evaluate(self, starts: Any) -> Any:
        inputs, labels = self.source.device_batch(self.features, self.labels, starts)
        return torch.sum(self.loss(labels, self.model(fed(self.model, inputs), training=False).float()))
