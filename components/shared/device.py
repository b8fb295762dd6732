"""The one seam that looks at hardware. Everything else asks :func:`detect` and believes the answer.

``Probe`` is what can be seen from outside; tests replace it to play any machine.
"""

from __future__ import annotations

import logging
import os
import platform
from dataclasses import dataclass
from typing import Literal, Protocol

from components.shared.errors import InputError

logger = logging.getLogger(__name__)

Accelerator = Literal["cpu", "metal", "cuda", "tpu"]
CHOICES = ("auto", "cpu", "metal", "cuda", "tpu")


@dataclass(frozen=True)
class Device:
    """Where training runs, and why."""

    accelerator: Accelerator
    name: str
    count: int
    reason: str


class Probe(Protocol):
    """What detection asks of the machine."""

    def system(self) -> tuple[str, str]:
        """Operating system and machine, for example ``("Darwin", "arm64")``."""

    def gpus(self) -> list[str]:
        """Names of the GPUs TensorFlow can use, empty when none."""

    def tpus(self) -> int:
        """Number of TPU cores attached to this machine."""


class ThisMachine:
    """The real probe. It imports TensorFlow the first time GPUs are asked for."""

    def system(self) -> tuple[str, str]:
        return platform.system(), platform.machine()

    def gpus(self) -> list[str]:
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [str(tf.config.experimental.get_device_details(d).get("device_name", d.name)) for d in devices]

    def tpus(self) -> int:
        if os.environ.get("PJRT_DEVICE") != "TPU" and "TPU_NAME" not in os.environ:
            return 0
        import tensorflow as tf

        return len(tf.config.list_logical_devices("TPU"))


def detect(requested: str = "auto", probe: Probe | None = None) -> Device:
    """Choose the accelerator.

    Args:
        requested: ``auto`` takes the best there is; a name asks for that one and falls back to the CPU, saying so.
        probe: what to ask; the running machine by default.

    Raises:
        InputError: ``requested`` is not one of :data:`CHOICES`.
    """
    if requested not in CHOICES:
        raise InputError(f"device: expected one of {', '.join(CHOICES)}, got {requested!r}")
    if requested == "cpu":
        return Device("cpu", platform.processor() or "cpu", 1, "asked for")
    found = _best(probe or ThisMachine())
    if requested not in ("auto", found.accelerator):
        reason = f"{requested} was asked for, but this machine offers {found.accelerator} ({found.reason})"
        logger.warning("device: %s; running on the CPU", reason)
        return Device("cpu", platform.processor() or "cpu", 1, reason)
    return found


def _best(probe: Probe) -> Device:
    system, machine = probe.system()
    if cores := probe.tpus():
        return Device("tpu", "TPU", cores, f"{cores} TPU cores are attached")
    if gpus := probe.gpus():
        apple = system == "Darwin" and machine == "arm64"
        kind: Accelerator = "metal" if apple else "cuda"
        return Device(kind, gpus[0], len(gpus), f"TensorFlow lists {len(gpus)} GPU(s)")
    if system == "Darwin" and machine == "arm64":
        return Device("cpu", machine, 1, "TensorFlow lists no GPU: is tensorflow-metal 1.2 installed?")
    return Device("cpu", machine, 1, "TensorFlow lists no GPU")


def apply(device: Device) -> None:
    """Tell TensorFlow to use ``device``, before it allocates: hide GPUs on the CPU, else grow memory on demand."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    try:
        if device.accelerator == "cpu":
            tf.config.set_visible_devices([], "GPU")
        else:
            for gpu in gpus:
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:  # TensorFlow has already started: what an earlier task chose stays in force
        logger.info("device settings stay as an earlier task left them: %s", error)
