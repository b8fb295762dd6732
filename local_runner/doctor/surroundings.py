"""All that the doctor looks at, gathered in one place; tests replace single fields."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

BACKENDS: dict[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-tpu"),
    "torch": ("torch",),
    "jax": ("jax",),
}
"""Keras backends, and the distributions that bring each."""


@dataclass(frozen=True)
class Seen:
    """What one backend said of the machine, or why it could not: its last line of error."""

    answer: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True)
class Surroundings:
    """A machine, an environment and a run store as the checks see them."""

    system: str
    machine: str
    python: tuple[int, int, int]
    executable: str
    environ: Mapping[str, str]
    home: Path
    root: Path
    checkout: Path
    cpus: int
    installed: Mapping[str, str]
    """Versions by normalised name of distribution."""
    requirements: Mapping[str, list[str]]
    """What each installed distribution asks for, by its name."""
    which: Callable[[str], str | None]
    exists: Callable[[Path], bool]
    free_bytes: Callable[[Path], int]
    seen: Mapping[str, Seen]
    """Answers of the installed backends, by name."""

    @property
    def keras_backend(self) -> str:
        """The backend Keras will use: of the environment, else of its settings file, else TensorFlow."""
        if chosen := self.environ.get("KERAS_BACKEND"):
            return chosen
        settings = Path(self.environ.get("KERAS_HOME") or self.home / ".keras") / "keras.json"
        try:
            return str(json.loads(settings.read_text()).get("backend", "tensorflow"))
        except (OSError, ValueError):  # Keras passes over a file it cannot read
            return "tensorflow"

    @classmethod
    def here(cls, root: Path) -> Surroundings:
        """This machine; each installed backend is started once to be asked, which takes some seconds."""
        found = {_normal(d.name): d for d in metadata.distributions() if d.name}
        installed = {name: distribution.version for name, distribution in found.items()}
        present = [name for name, names in BACKENDS.items() if any(n in installed for n in names)]
        return cls(
            system=platform.system(),
            machine=platform.machine(),
            python=sys.version_info[:3],
            executable=sys.executable,
            environ=os.environ,
            home=Path.home(),
            root=root.absolute(),
            checkout=Path(__file__).resolve().parents[2],
            cpus=os.cpu_count() or 1,
            installed=installed,
            requirements={name: distribution.requires or [] for name, distribution in found.items()},
            which=shutil.which,
            exists=Path.exists,
            free_bytes=lambda path: shutil.disk_usage(path).free,
            seen=ask(present),
        )


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def ask(backends: list[str], timeout_s: float = 120) -> dict[str, Seen]:
    """Ask each backend, all at once, in processes of their own: importing one of them may fail or crash.

    The seam that looks at hardware belongs to the components, which the runner never imports.
    """
    started = {name: _start(name) for name in backends}
    return {name: _read(process, timeout_s) for name, process in started.items()}


def _start(backend: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "components.shared"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


def _read(process: subprocess.Popen[str], timeout_s: float) -> Seen:
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Seen({}, f"gave no answer in {timeout_s:.0f} s")
    if process.returncode == 0:
        return Seen(json.loads(output.splitlines()[-1]))
    lines = [line for line in errors.splitlines() if line.strip()]
    return Seen({}, lines[-1][:300] if lines else f"ended with exit code {process.returncode}")
