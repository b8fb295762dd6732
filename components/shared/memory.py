"""Memory of an accelerator: know when it ran out, give it back, find the largest batch that fits."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable

from components.shared import backend
from components.shared.device import Accelerator
from components.shared.errors import InputError, TandemError

logger = logging.getLogger(__name__)

_MESSAGES = ("RESOURCE_EXHAUSTED", "out of memory", "failed to allocate", "Failed to allocate", "can't allocate memory")
_TYPES = ("ResourceExhaustedError", "OutOfMemoryError", "XlaRuntimeError", "JaxRuntimeError", "InternalError")
"""Error types by name: TensorFlow, torch, JAX (old and new). Naming them spares importing three frameworks."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of TensorFlow, torch (CUDA or MPS), JAX or Python means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"ResourceExhaustedError", "OutOfMemoryError"}:
        return True
    # MPS raises a bare RuntimeError, JAX one type for everything: only their messages tell.
    return bool(names & {*_TYPES, "RuntimeError"}) and any(text in str(error) for text in _MESSAGES)


def release_memory() -> None:
    """Give cached accelerator memory back: Python's own rubbish, then the caches of the backends that are loaded."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None:
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    if (jax := sys.modules.get("jax")) is not None:
        jax.clear_caches()


def find_batch_size(attempt: Callable[[int], None], start: int, ceiling: int) -> int:
    """Find the largest batch that fits, surviving out-of-memory; caches are cleared after each attempt.

    Args:
        attempt: trains one step on a batch of that many windows; may run out of memory.
        start: the first size to try, at least 1; smaller ones are tried when it does not fit.
        ceiling: the largest size wanted, at least ``start``.

    Returns:
        A size that worked: within an eighth of the largest that fits, and ``ceiling`` itself when that fits.

    Raises:
        InputError: ``start`` or ``ceiling`` is out of range.
        TandemError: not even a batch of one fits.
        Exception: whatever else ``attempt`` raises; only running out of memory is survived.
    """
    if not 1 <= start <= ceiling:
        raise InputError(f"batch size: expected 1 <= start <= ceiling, got start {start} and ceiling {ceiling}")
    found = largest_that_fits(lambda size: _fits(attempt, size), start, ceiling)
    if not found:
        raise TandemError("batch size: not even a batch of one fits; make the model or the look-back smaller")
    return found


def largest_that_fits(fits: Callable[[int], bool], start: int, ceiling: int) -> int:
    """Search from ``start`` by doubling, or by halving when it does not fit, then close the gap to an eighth.

    Returns 0 when nothing fits.
    """
    good, bad, size = 0, ceiling + 1, start
    while True:
        if fits(size):
            good = size
        else:
            bad = size
        if bad == 1 or (good and bad - good <= max(1, good // 8)):
            return good
        if not good:
            size = bad // 2
        elif bad > ceiling:
            size = min(2 * good, ceiling)
        else:
            size = (good + bad) // 2


def _fits(attempt: Callable[[int], None], size: int) -> bool:
    try:
        attempt(size)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        logger.info("batch size: %d runs out of memory", size)
        return False
    finally:
        release_memory()
    return True


def peak_bytes(accelerator: Accelerator) -> int:
    """Most memory of the GPU this process has held, in bytes; 0 on the CPU and where the backend does not tell.

    On MPS it is what the driver holds now, caches included: torch keeps no peak there.
    """
    current = backend.current()
    if accelerator not in ("cuda", "metal"):
        return 0
    if current == "torch":
        import torch

        return int(torch.mps.driver_allocated_memory() if accelerator == "metal" else torch.cuda.max_memory_allocated())
    if current == "jax":
        import jax

        return int((jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0))
    if accelerator == "metal":  # tensorflow-metal does not tell
        return 0
    import tensorflow as tf

    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
