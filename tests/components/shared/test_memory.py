from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.shared import memory
from components.shared.errors import InputError, TandemError


class ResourceExhaustedError(Exception):
    """As TensorFlow names it."""


class JaxRuntimeError(RuntimeError):
    """As JAX names it."""


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


OUT_OF_MEMORY = {
    "python": MemoryError(),
    "tensorflow": ResourceExhaustedError("OOM when allocating tensor with shape[65536,512]"),
    "torch-cuda": OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "torch-mps": RuntimeError("MPS backend out of memory (MPS allocated: 18.50 GiB, max allowed: 18.72 GiB)."),
    "torch-cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    "jax": JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes."),
}
NOT_OUT_OF_MEMORY = {
    "shape": ValueError("Expected shape (None, 96, 7), got (32, 96, 8)"),
    "jax-other": JaxRuntimeError("INVALID_ARGUMENT: shapes must be equal"),
    "runtime-other": RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    "interrupt": KeyboardInterrupt(),
    "value-that-speaks-of-memory": ValueError("the user's own text: out of memory"),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_running_out_of_memory_is_known_in_every_framework(error: BaseException) -> None:
    assert memory.is_out_of_memory(error)


@pytest.mark.parametrize("error", NOT_OUT_OF_MEMORY.values(), ids=NOT_OUT_OF_MEMORY)
def test_other_errors_are_not_taken_for_it(error: BaseException) -> None:
    assert not memory.is_out_of_memory(error)


def machine_that_holds(windows: int, tried: list[int] | None = None) -> Callable[[int], None]:
    def attempt(size: int) -> None:
        if tried is not None:
            tried.append(size)
        if size > windows:
            raise MemoryError(f"{size} windows")

    return attempt


@given(st.integers(0, 100_000), st.integers(1, 4096), st.integers(0, 100_000))
def test_the_size_found_fits_and_is_near_the_largest(holds: int, start: int, more: int) -> None:
    ceiling = start + more
    found = memory.largest_that_fits(lambda size: size <= holds, start, ceiling)
    largest = min(holds, ceiling)
    assert found <= largest <= found + found // 8 + 1
    assert bool(found) == bool(holds)


def test_the_ceiling_is_taken_when_it_fits() -> None:
    tried: list[int] = []
    assert memory.find_batch_size(machine_that_holds(10_000, tried), 256, 1024) == 1024
    assert tried == [256, 512, 1024]


def test_a_start_that_does_not_fit_is_halved() -> None:
    tried: list[int] = []
    assert memory.find_batch_size(machine_that_holds(100, tried), 256, 1024) in range(89, 101)
    assert tried[:3] == [256, 128, 64]


def test_a_machine_without_room_for_one_window_says_so() -> None:
    with pytest.raises(TandemError, match="not even a batch of one fits"):
        memory.find_batch_size(machine_that_holds(0), 64, 128)


def test_any_other_error_goes_through() -> None:
    def attempt(size: int) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        memory.find_batch_size(attempt, 32, 64)


@pytest.mark.parametrize(("start", "ceiling"), [(0, 8), (16, 8)])
def test_impossible_bounds_are_refused(start: int, ceiling: int) -> None:
    with pytest.raises(InputError, match="expected 1 <= start <= ceiling"):
        memory.find_batch_size(machine_that_holds(8), start, ceiling)


def test_a_real_allocation_that_fails_is_survived() -> None:
    import numpy as np

    def attempt(size: int) -> None:
        if size > 40:
            np.empty((size, 2**50), dtype=np.float64)  # more than any address space holds

    assert memory.find_batch_size(attempt, 8, 1024) in range(36, 41)
