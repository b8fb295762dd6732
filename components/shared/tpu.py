"""Start the TPU of a TPU VM. Until its system is initialised, TensorFlow lists no TPU and would train on the CPU."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class System(Protocol):
    """What is asked of the TPU runtime; tests replace it."""

    def initialise(self) -> None:
        """Start the cores; raises what the runtime raises."""

    def cores(self) -> int:
        """Cores that TensorFlow lists."""


class LocalSystem:
    """The TPU attached to this machine."""

    def initialise(self) -> None:
        resolver()

    def cores(self) -> int:
        import tensorflow as tf

        return len(tf.config.list_logical_devices("TPU"))


def start(system: System | None = None) -> tuple[int, str]:
    """Initialise the TPU, then count its cores.

    Returns:
        The cores, and the reason in words where there are none.
    """
    system = system or LocalSystem()
    try:
        system.initialise()
    except Exception as error:  # the runtime raises errors of many kinds, and each means: no TPU here
        first = (str(error).splitlines() or [""])[0]
        return 0, (
            f"the TPU could not be initialised ({type(error).__name__}: {first}): is tensorflow-tpu installed, is this "
            "a TPU VM, and does no other process hold the TPU?"
        )
    cores = system.cores()
    return cores, "" if cores else "the TPU was initialised, but TensorFlow lists no TPU core"


@cache
def resolver() -> Any:
    """The TPU of this machine, initialised; once a process, since a second time would forget what lies on it."""
    import tensorflow as tf

    found = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
    tf.tpu.experimental.initialize_tpu_system(found)
    return found
