"""Machines as detection sees them: a stand-in for the one seam that looks at hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from components.shared import device
from components.shared.backend import Backend

GIB = 2**30
LIBRARIES = {"tensorflow": "2.19.1", "torch": "2.13.0", "jax": "0.10.2"}


@dataclass
class Machine:
    """A machine of any kind; a plain Linux computer with TensorFlow unless said otherwise."""

    named: tuple[str, str] = ("Linux", "x86_64")
    keras_backend: Backend = "tensorflow"
    versions: dict[str, str] = field(default_factory=LIBRARIES.copy)
    gpu_names: list[str] = field(default_factory=list)
    tpu_cores: int = 0
    cpu_name: str = "x86_64"
    apple_gpu_cores: int | None = None
    fast_cores: int = 0
    memory: int = 16 * GIB
    gpu_memory: int = 0
    asked: list[str] = field(default_factory=list)
    """What was asked, in order: some questions import a framework, which must not happen then."""

    def system(self) -> tuple[str, str]:
        return self.named

    def backend(self) -> Backend:
        return self.keras_backend

    def installed(self, distribution: str) -> str:
        return self.versions.get(distribution, "")

    def gpus(self) -> list[str]:
        self.asked.append("gpus")
        return self.gpu_names

    def tpus(self) -> int:
        self.asked.append("tpus")
        return self.tpu_cores

    def processor(self) -> str:
        return self.cpu_name

    def gpu_cores(self) -> int | None:
        return self.apple_gpu_cores

    def performance_cores(self) -> int:
        return self.fast_cores

    def memory_bytes(self) -> int:
        return self.memory

    def gpu_memory_bytes(self) -> int:
        return self.gpu_memory


def mac(chip: str, *, cores: int, memory_gib: int, fast: int) -> Machine:
    """A Mac with TensorFlow 2.19.1 and tensorflow-metal 1.2.0, which lists its GPU as METAL."""
    return Machine(
        ("Darwin", "arm64"), versions={**LIBRARIES, "tensorflow-metal": "1.2.0"}, gpu_names=["METAL"],
        cpu_name=f"Apple {chip}", apple_gpu_cores=cores, fast_cores=fast, memory=memory_gib * GIB,
    )  # fmt: skip


MACHINES = {
    "m1": mac("M1", cores=8, memory_gib=8, fast=4),
    "m2-max": mac("M2 Max", cores=38, memory_gib=64, fast=8),
    "m3-ultra": mac("M3 Ultra", cores=80, memory_gib=256, fast=24),
    "cuda": Machine(gpu_names=["NVIDIA H100", "NVIDIA H100"], gpu_memory=80 * GIB),
    "tpu": Machine(tpu_cores=8),
    "cpu": Machine(),
}


@pytest.fixture
def machine() -> Callable[..., Machine]:
    """A machine by its name in ``MACHINES``, with some of its fields changed."""

    def build(name: str, **changes: Any) -> Machine:
        return replace(MACHINES[name], **{"asked": [], **changes})

    return build


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> Iterator[None]:
    """Warnings are given once a process; each test is a process of its own in this respect."""
    device.say.cache_clear()
    yield
    device.say.cache_clear()
