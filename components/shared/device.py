"""The one seam that looks at hardware. Everything else asks :func:`detect` and believes the answer.

``Probe`` is what can be seen from outside; tests replace it to play any machine. The GPUs are those of the Keras
backend in use, and no other backend is imported to find out. ``python -m components.shared`` prints what is seen.
"""

from __future__ import annotations

import atexit
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, get_args

from components.shared import backend as backends
from components.shared import tpu
from components.shared.backend import Backend
from components.shared.chips import Chip
from components.shared.errors import InputError

logger = logging.getLogger(__name__)

Accelerator = Literal["cpu", "metal", "cuda", "tpu"]
Choice = Literal["auto", "cpu", "metal", "cuda", "tpu"]
CHOICES: tuple[str, ...] = get_args(Choice)

_KERAS_NAMES: dict[Accelerator, str] = {"cpu": "cpu:0", "metal": "gpu:0", "cuda": "gpu:0", "tpu": "tpu:0"}
# Without a number: torch takes "cpu:0" for another device than "cpu" and copies variables, which unmakes them.
_TORCH_NAMES: dict[Accelerator, str] = {"cpu": "cpu", "metal": "mps", "cuda": "cuda", "tpu": "xla"}
_PLACED = ExitStack()
"""The device scope :func:`apply` entered last; it outlives the call, but not the interpreter."""
atexit.register(_PLACED.close)


@dataclass(frozen=True)
class Device:
    """Where training runs, and why.

    ``memory_bytes`` is what the accelerator can address: the whole memory on a Mac or a CPU, the GPU's own elsewhere;
    0 where it could not be read. ``threads`` is how many CPU threads an operation should use, 0 for the framework's
    own choice.
    """

    accelerator: Accelerator
    name: str
    count: int
    reason: str
    chip: Chip | None = None
    memory_bytes: int = 0
    backend: Backend = "tensorflow"
    threads: int = 0


class Probe(Protocol):
    """What detection asks of the machine."""

    def system(self) -> tuple[str, str]:
        """Operating system and machine, for example ``("Darwin", "arm64")``."""

    def backend(self) -> Backend:
        """The Keras backend in use."""

    def installed(self, distribution: str) -> str:
        """Version of an installed distribution, empty when absent."""

    def gpus(self) -> list[str]:
        """Names of the GPUs the backend can use, empty when none."""

    def tpus(self) -> int:
        """Number of TPU cores attached to this machine, started if they have to be."""

    def processor(self) -> str:
        """The processor as the system names it, for example ``Apple M2 Max``."""

    def gpu_cores(self) -> int | None:
        """GPU cores of an Apple chip."""

    def performance_cores(self) -> int:
        """Fast cores of a processor that has fast and slow ones, else 0."""

    def memory_bytes(self) -> int:
        """Memory of the machine."""

    def gpu_memory_bytes(self) -> int:
        """Memory of the first GPU where it has its own, else 0."""


class ThisMachine:
    """The real probe. It imports the backend the first time GPUs are asked for."""

    def system(self) -> tuple[str, str]:
        return platform.system(), platform.machine()

    def backend(self) -> Backend:
        return backends.current()

    def installed(self, distribution: str) -> str:
        if distribution in backends.BACKENDS:
            return backends.backend_version(distribution)
        return backends.version(distribution)

    def gpus(self) -> list[str]:
        _prepare_environment()
        return {"tensorflow": _tensorflow_gpus, "torch": _torch_gpus, "jax": _jax_gpus}[self.backend()]()

    def tpus(self) -> int:
        if os.environ.get("PJRT_DEVICE") != "TPU" and "TPU_NAME" not in os.environ:
            return 0
        if self.backend() == "tensorflow":
            cores, trouble = tpu.start()
            if trouble:
                say(f"device: {trouble}; not training on the TPU")
            return cores
        if self.backend() == "jax":
            import jax

            return sum(device.platform == "tpu" for device in jax.devices())
        return 0

    def processor(self) -> str:
        if platform.system() == "Darwin":
            return _answer("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
        return platform.processor() or platform.machine()

    def gpu_cores(self) -> int | None:
        if platform.system() != "Darwin":
            return None
        lines = _answer("/usr/sbin/ioreg", "-l", "-r", "-d", "1", "-c", "AGXAccelerator").splitlines()
        counts = [line.rpartition("=")[2].strip() for line in lines if '"gpu-core-count"' in line]
        return int(counts[0]) if counts and counts[0].isdigit() else None

    def performance_cores(self) -> int:
        if platform.system() != "Darwin":
            return 0
        answer = _answer("/usr/sbin/sysctl", "-n", "hw.perflevel0.physicalcpu")
        return int(answer) if answer.isdigit() else 0

    def memory_bytes(self) -> int:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def gpu_memory_bytes(self) -> int:
        if self.backend() == "torch":
            import torch

            return int(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else 0
        # TensorFlow and JAX tell what they reserved, not what there is; the driver's own tool tells.
        lines = _answer("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits").splitlines()
        return int(lines[0]) * 2**20 if lines and lines[0].strip().isdigit() else 0


def _answer(*command: str) -> str:
    """What a system tool prints, empty when it is absent or fails: detection goes on with less."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        logger.debug("%s told nothing: %s", command[0], error)
        return ""
    return done.stdout.strip()


def _tensorflow_gpus() -> list[str]:
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return [str(tf.config.experimental.get_device_details(d).get("device_name", d.name)) for d in devices]


def _torch_gpus() -> list[str]:
    import torch

    if torch.backends.mps.is_available():
        return ["MPS"]
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _jax_gpus() -> list[str]:
    import jax

    return [device.device_kind for device in jax.devices() if device.platform not in ("cpu", "tpu")]


def detect(requested: str = "auto", probe: Probe | None = None) -> Device:
    """Choose the accelerator.

    Args:
        requested: ``auto`` takes the best there is; a name asks for that one and falls back to the CPU, saying so.
        probe: what to ask; the running machine by default.

    Raises:
        InputError: ``requested`` is not one of :data:`CHOICES`, or the backend in use is not installed.
    """
    if requested not in CHOICES:
        raise InputError(f"device: expected one of {', '.join(CHOICES)}, got {requested!r}")
    probe = probe or ThisMachine()
    chosen = probe.backend()
    if not probe.installed(chosen):
        raise InputError(
            f"KERAS_BACKEND asks for {chosen}, which is not installed: "
            f"pip install 'tandem-pipelines[{'cpu' if chosen == 'tensorflow' else chosen}]', or unset KERAS_BACKEND"
        )
    if requested == "cpu":
        return _cpu(probe, "asked for")
    found = _best(probe)
    if requested not in ("auto", found.accelerator):
        reason = f"{requested} was asked for, but this machine offers {found.accelerator} ({found.reason})"
        say(f"device: {reason}; running on the CPU")
        return _cpu(probe, reason)
    return found


def _best(probe: Probe) -> Device:
    chosen = probe.backend()
    mac = probe.system()[0] == "Darwin"
    mismatch = ""
    if chosen == "tensorflow":
        mismatch = backends.metal_mismatch(probe.installed("tensorflow"), probe.installed("tensorflow-metal"))
    if mismatch:  # the plugin fails while TensorFlow is imported, so its GPUs cannot even be asked for
        say(f"device: {mismatch}; running on the CPU")
        return _cpu(probe, mismatch)
    if cores := probe.tpus():
        return Device("tpu", "TPU", cores, f"{cores} TPU cores are attached", backend=chosen)
    if gpus := probe.gpus():
        reason = f"{_SPELLED[chosen]} lists {len(gpus)} GPU(s)"
        return _metal(probe, gpus, reason) if mac else _cuda(probe, gpus, reason)
    reason = f"{_SPELLED[chosen]} lists no GPU"
    if mac and Chip.parse(probe.processor()):
        reason = translated(probe) or reason + _MAC_ADVICE[chosen]
        say(f"device: {reason}; running on the CPU")
    return _cpu(probe, reason)


def translated(probe: Probe) -> str:
    """Say so when this Python is an Intel build that macOS translates on Apple silicon; empty otherwise."""
    system, machine = probe.system()
    if system != "Darwin" or machine == "arm64" or not Chip.parse(probe.processor()):
        return ""
    return (
        f"this Python is an Intel build, translated on {probe.processor()}, and sees no GPU: "
        "brew install python@3.12 && make setup PYTHON=/opt/homebrew/bin/python3.12"
    )


_SPELLED: dict[Backend, str] = {"tensorflow": "TensorFlow", "torch": "torch", "jax": "JAX"}
_MAC_ADVICE: dict[Backend, str] = {
    "tensorflow": ": is tensorflow-metal 1.2 installed?",
    "torch": ": MPS needs macOS 14 or newer and an arm64 build of Python and torch",
    "jax": ": JAX has no maintained Metal plugin; KERAS_BACKEND=torch uses the GPU of a Mac",
}


def _cpu(probe: Probe, reason: str) -> Device:
    chip = Chip.parse(probe.processor(), None)
    return Device(
        "cpu", probe.processor(), 1, reason, chip=chip, memory_bytes=probe.memory_bytes(), backend=probe.backend(),
        threads=probe.performance_cores(),
    )  # fmt: skip


def _metal(probe: Probe, gpus: list[str], reason: str) -> Device:
    chip = Chip.parse(probe.processor(), probe.gpu_cores())
    return Device(
        "metal", chip.name if chip else gpus[0], len(gpus), reason, chip=chip, memory_bytes=probe.memory_bytes(),
        backend=probe.backend(), threads=probe.performance_cores(),
    )  # fmt: skip


def _cuda(probe: Probe, gpus: list[str], reason: str) -> Device:
    memory = probe.gpu_memory_bytes()
    return Device("cuda", gpus[0], len(gpus), reason, memory_bytes=memory, backend=probe.backend())


@cache
def say(message: str) -> None:
    """Warn, once for each message in this process."""
    logger.warning(message)


def environment(memory_fraction: float = 1.0) -> dict[str, str]:
    """Variables each backend reads once, while it is imported.

    Args:
        memory_fraction: share of a GPU's (recommended) memory this process may take, above 0 and at most 1. On MPS the
            soft limit must lie below the hard one, so both are set: torch's own hard limit, 1.7, can exceed the
            memory of the machine, and a run that grows past it swaps where it should fail and be cut down.
    """
    return {
        "PYTORCH_ENABLE_MPS_FALLBACK": "1",
        "PYTORCH_MPS_HIGH_WATERMARK_RATIO": f"{memory_fraction:.2f}",
        "PYTORCH_MPS_LOW_WATERMARK_RATIO": f"{0.8 * memory_fraction:.2f}",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{min(memory_fraction, 0.95):.2f}",
    }


def _prepare_environment(memory_fraction: float = 1.0) -> None:
    """Set what the user has not set; a setting of the shell always wins."""
    late = "torch" in sys.modules and "PYTORCH_ENABLE_MPS_FALLBACK" not in os.environ
    if late and platform.system() == "Darwin":
        say(
            "device: torch was imported before PYTORCH_ENABLE_MPS_FALLBACK was set, so an operation that MPS lacks "
            "will fail; type: export PYTORCH_ENABLE_MPS_FALLBACK=1"
        )
    variables = environment(memory_fraction)
    if (chosen := os.environ.get("PYTORCH_MPS_HIGH_WATERMARK_RATIO")) is not None:
        variables["PYTORCH_MPS_LOW_WATERMARK_RATIO"] = f"{0.8 * _ratio(chosen):.2f}"  # follows the user's hard limit
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def _ratio(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"PYTORCH_MPS_HIGH_WATERMARK_RATIO: expected a number, got {text!r}; "
            "type: unset PYTORCH_MPS_HIGH_WATERMARK_RATIO"
        ) from None


def apply(device: Device, *, memory_fraction: float = 1.0) -> None:
    """Tell the backend to use ``device`` from here on in this process.

    Args:
        device: what :func:`detect` chose.
        memory_fraction: share of the GPU's memory this process may take, above 0 and at most 1.

    Raises:
        InputError: ``memory_fraction`` is out of range.
    """
    if not 0 < memory_fraction <= 1:
        raise InputError(f"memory_fraction: expected a number above 0 and at most 1, got {memory_fraction}")
    _prepare_environment(memory_fraction)
    _PLACED.close()
    if device.backend == "tensorflow":
        _apply_tensorflow(device, memory_fraction)
        return
    if device.backend == "torch":
        _apply_torch(device, memory_fraction)
    _PLACED.enter_context(on(device))


def _apply_tensorflow(device: Device, memory_fraction: float) -> None:
    """Hide GPUs on the CPU, else take memory as it is needed, before TensorFlow allocates."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    try:
        if device.accelerator == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus if device.accelerator != "cpu" else ():
            if device.accelerator == "cuda" and memory_fraction < 1 and device.memory_bytes:
                limit = int(memory_fraction * device.memory_bytes / 2**20)
                tf.config.set_logical_device_configuration(gpu, [tf.config.LogicalDeviceConfiguration(limit)])
            else:  # the Metal plugin has no limit to set
                tf.config.experimental.set_memory_growth(gpu, True)
        if device.threads and "OMP_NUM_THREADS" not in os.environ:
            tf.config.threading.set_intra_op_parallelism_threads(device.threads)
    except RuntimeError as error:  # TensorFlow has already started: what an earlier task chose stays in force
        logger.info("device settings stay as an earlier task left them: %s", error)
        if gpus and device.accelerator == "cpu":
            _PLACED.enter_context(on(device))


def _apply_torch(device: Device, memory_fraction: float) -> None:
    """Set the share of memory. torch already keeps to a Mac's performance cores."""
    import torch

    if device.accelerator == "metal":
        torch.mps.set_per_process_memory_fraction(memory_fraction)
    elif device.accelerator == "cuda" and memory_fraction < 1:
        torch.cuda.set_per_process_memory_fraction(memory_fraction)


@contextmanager
def on(where: Device | Accelerator) -> Iterator[None]:
    """Build and run networks of the backend in use on one device, for the length of the block.

    Both the CPU and the GPU can serve in one process this way, which the trials and the parity check need.
    """
    import keras

    accelerator = where if isinstance(where, str) else where.accelerator
    names = _TORCH_NAMES if backends.current() == "torch" else _KERAS_NAMES
    scope: Any = keras.device(names[accelerator])
    with scope:
        yield
