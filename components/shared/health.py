"""What about this machine and its backend will go wrong, or slowly, and what to type about it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from components.shared import backend as backends
from components.shared.device import Probe, translated

OLDEST_TORCH_ON_MPS = (2, 8)
"""Before it, ``torch.where`` with a broadcast condition was silently wrong on MPS (pytorch#150967), and Keras's seeded
dropout is such a ``where`` when its noise has a shape of its own."""


def problems(probe: Probe, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Everything that will stop a run or make its results wrong, each with the command that mends it."""
    found = [translated(probe)]
    if probe.backend() == "tensorflow":
        found.append(backends.metal_mismatch(probe.installed("tensorflow"), probe.installed("tensorflow-metal")))
    found.append(_watermarks(environ))
    return [text for text in found if text]


def warnings(probe: Probe) -> list[str]:
    """What works, but not as well as it could."""
    torch = probe.installed("torch")
    on_mps = probe.system()[0] == "Darwin" and probe.backend() == "torch"
    if on_mps and backends.release(torch) < OLDEST_TORCH_ON_MPS:
        return [f"torch {torch} computes some masks wrongly on MPS (pytorch#150967): pip install 'torch>=2.8'"]
    return []


def _watermarks(environ: Mapping[str, str]) -> str:
    """torch refuses to start on MPS when the soft limit of memory, 1.4 unless set, lies above the hard one."""
    high, low = (f"PYTORCH_MPS_{name}_WATERMARK_RATIO" for name in ("HIGH", "LOW"))
    if high not in environ:
        return ""
    try:
        hard, soft = float(environ[high]), float(environ.get(low, "0"))  # a low one not set is set by us
    except ValueError:
        return f"{high} and {low}: expected numbers, got {environ[high]!r} and {environ.get(low)!r}: unset {high} {low}"
    if hard and soft > hard:
        return f"{low}={soft:g} lies above {high}={hard:g}, which torch refuses: export {low}={0.8 * hard:g}"
    return ""
