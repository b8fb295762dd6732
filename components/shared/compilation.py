"""The mode of ``torch.compile``, which Keras turns on with ``jit_compile=True`` and gives no mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from components.shared import backend
from components.shared.device import Accelerator
from components.shared.errors import InputError

CompileMode = Literal["default", "reduce-overhead", "max-autotune"]

MODES: dict[Accelerator, tuple[CompileMode, ...]] = {
    "cpu": ("default", "max-autotune"),
    "metal": ("default",),
    "cuda": ("default", "reduce-overhead", "max-autotune"),
    "tpu": ("default",),
}
"""Modes that mean something on each device: the others switch on CUDA graphs or tune kernels that Metal lacks."""


@contextmanager
def compile_mode(mode: CompileMode, accelerator: Accelerator) -> Iterator[None]:
    """Compile with ``mode`` whatever torch compiles inside the block, the first training step included.

    Compiling takes from seconds to minutes and is often no faster, so it is never on unless asked for; measure the
    pair with :func:`components.shared.trial.faster_of`. TensorFlow and JAX have XLA, and XLA has no modes: for them
    only ``default`` is accepted.

    Raises:
        InputError: the mode means nothing on this device or with this backend.
    """
    current = backend.current()
    valid = MODES[accelerator] if current == "torch" else ("default",)
    if mode not in valid:
        raise InputError(f"compile mode: expected {' or '.join(valid)} with {current} on {accelerator}, got {mode!r}")
    if mode == "default":
        yield
        return
    import torch._inductor
    import torch._inductor.config

    with torch._inductor.config.patch(torch._inductor.list_mode_options(mode)):
        yield
