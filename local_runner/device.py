"""``--device``: which device tasks are offered and why, and the settings needed before TensorFlow starts.

Only what can be seen without importing TensorFlow is looked at, because most runs are over sooner than that import. A
component that trains asks the framework itself and has the last word; what it finds is in its artifact.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

DEVICES = ("auto", "cpu", "metal", "cuda", "tpu")
_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Choice:
    """What tasks are offered, and why."""

    name: str
    reason: str


class Look(Protocol):
    """What a choice asks of the machine; tests give another one."""

    environment: Mapping[str, str]

    def system(self) -> tuple[str, str]:
        """Operating system and machine, for example ``("Darwin", "arm64")``."""

    def installed(self, distribution: str) -> str:
        """Version of an installed distribution, empty when absent."""

    def nvidia_gpus(self) -> list[str]:
        """Names of the GPUs that the driver shows."""


class ThisMachine:
    """The running machine."""

    environment: Mapping[str, str] = os.environ

    def system(self) -> tuple[str, str]:
        return platform.system(), platform.machine()

    def installed(self, distribution: str) -> str:
        return _version(distribution)

    def nvidia_gpus(self) -> list[str]:
        try:
            texts = [file.read_text(encoding="utf-8") for file in sorted(_DRIVER.glob("*/information"))]
        except OSError:  # a driver that does not say: TensorFlow may still find it, the settings are the same
            return []
        lines = [line for text in texts for line in text.splitlines() if line.startswith("Model:")]
        return [line.partition(":")[2].strip() for line in lines]


def choose(requested: str, look: Look | None = None) -> Choice:
    """The device for a run; one that this machine does not have becomes the CPU, and the reason says so.

    Args:
        requested: one of :data:`DEVICES`, or empty, which is ``auto``.
    """
    if requested == "cpu":
        return Choice("cpu", "asked for")
    found = _best(look or ThisMachine())
    if requested in ("", "auto", found.name):
        return found
    return Choice("cpu", f"{requested} was asked for, but {found.reason}")


def environment(requested: str) -> dict[str, str]:
    """Variables for a run.

    TensorFlow would otherwise take all memory of a GPU at its start, which leaves none for anything else.
    """
    growth = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {"CUDA_VISIBLE_DEVICES": "-1", **growth} if requested == "cpu" else growth


def _best(look: Look) -> Choice:
    if look.environment.get("PJRT_DEVICE") == "TPU" or "TPU_NAME" in look.environment:
        return Choice("tpu", "a TPU is attached")
    if look.system() == ("Darwin", "arm64"):
        version = look.installed("tensorflow-metal")
        if version:
            return Choice("metal", f"tensorflow-metal {version} is installed")
        return Choice("cpu", "tensorflow-metal is not installed")
    gpus = look.nvidia_gpus()
    if not gpus:
        return Choice("cpu", "this machine shows no GPU")
    shown = gpus[0] if len(gpus) == 1 else f"{len(gpus)} × {gpus[0]}"
    if look.environment.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return Choice("cpu", f"CUDA_VISIBLE_DEVICES hides {shown}")
    if _is_cpu_build(look):
        return Choice("cpu", f"the installed TensorFlow is the CPU build, which cannot use {shown}")
    return Choice("cuda", shown)


def _is_cpu_build(look: Look) -> bool:
    other = look.environment.get("KERAS_BACKEND", "tensorflow") != "tensorflow"
    return not other and bool(look.installed("tensorflow-cpu")) and not look.installed("tensorflow")


@cache
def _version(distribution: str) -> str:
    import importlib.metadata  # takes longer to import than the command line takes to answer --help

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
