"""Run whole epochs on the device: one compiled call takes many training steps, and Python only sees the end.

On small nets the cost of a step is not its arithmetic but the 1-2 ms of Python and executor around it. Here the
arrays lie on the device, the batch is gathered inside the compiled function, and the loop over batches is part of it.
Every backend has its module with one class of the shape of :class:`Stepper`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from components.shared.compilation import CompileMode
    from components.train.losses import Loss
    from components.train.source import Inputs, WindowSource

STEPS_A_CALL = 500
"""Most steps in one call, so that Ctrl-C and progress do not wait for a long epoch."""

EVALUATION_BATCH = 1024


class Stepper(Protocol):
    """A compiled model with its optimizer, over arrays that lie on its device."""

    def train(self, starts: NDArray[np.int32], batch_size: int) -> float:
        """Train on windows in this order, the last smaller batch kept; returns the mean loss a window."""

    def evaluate(self, starts: NDArray[np.int32]) -> float:
        """Mean loss a window in inference mode, over all windows."""


def stepper(
    model: keras.Model, loss: Loss, source: WindowSource, *, xla: bool, compile_mode: CompileMode = "off"
) -> Stepper:
    """A stepper for the Keras backend in use; ``model`` is compiled with its optimizer.

    ``xla`` is for TensorFlow (JAX has nothing else), ``compile_mode`` for torch.

    Raises:
        TandemError: Keras runs on a backend that has none.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        from components.train.stepping.on_tensorflow import TensorFlowStepper

        return TensorFlowStepper(model, loss, source, xla=xla)
    if backend == "jax":
        from components.train.stepping.on_jax import JaxStepper

        return JaxStepper(model, loss, source)
    if backend == "torch":
        from components.train.stepping.on_torch import TorchStepper

        return TorchStepper(model, loss, source, compile_mode)
    raise TandemError(f"training steps on tensorflow, jax or torch, but Keras runs on {backend}: set KERAS_BACKEND")


def calls(steps: int) -> list[tuple[int, int]]:
    """First and last step, exclusive, of each compiled call of an epoch of ``steps`` full batches."""
    return [(first, min(first + STEPS_A_CALL, steps)) for first in range(0, steps, STEPS_A_CALL)]


def fed(model: keras.Model, inputs: Inputs) -> Any:
    """Of the inputs those that the model takes; a window alone goes as it is."""
    names = [tensor.name for tensor in model.inputs]
    return inputs["window"] if names == ["window"] else {name: inputs[name] for name in names}
