"""``torch.compile``: opt-in, in the modes that mean something on a device. XLA, of TensorFlow and JAX, has no modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from components.shared import backend
from components.shared.device import Accelerator
from components.shared.errors import InputError

CompileMode = Literal["off", "default", "reduce-overhead", "max-autotune"]
Function = TypeVar("Function", bound=Callable[..., Any])

MODES: dict[Accelerator, tuple[CompileMode, ...]] = {
    "cpu": ("off", "default", "max-autotune"),
    "metal": ("off", "default"),
    "cuda": ("off", "default", "reduce-overhead", "max-autotune"),
    "tpu": ("off",),
}
"""The modes left out need CUDA graphs, or tune kernels of which Metal has one kind only."""


def check(mode: CompileMode, accelerator: Accelerator) -> None:
    """Refuse a mode that means nothing here.

    Raises:
        InputError: the mode means nothing on this device or with this backend.
    """
    current = backend.current()
    valid = MODES[accelerator] if current == "torch" else ("off",)
    if mode not in valid:
        raise InputError(f"compile mode: expected {' or '.join(valid)} with {current} on {accelerator}, got {mode!r}")


def compiled(function: Function, mode: CompileMode) -> Function:
    """Compile a forward pass or a training step with torch; ``off`` gives it back as it is.

    The first call compiles, which takes from seconds to minutes, and is often no gain: measure the pair with
    :func:`components.shared.trial.faster_of` before you keep it.
    """
    if mode == "off":
        return function
    import torch

    wrapped: Function = torch.compile(function, mode=mode)
    return wrapped
