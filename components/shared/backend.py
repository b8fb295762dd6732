"""Which Keras backend this process runs, and what is installed, without importing any of them.

Keras reads its backend once, when it is imported: from ``KERAS_BACKEND``, else from ``keras.json``, else TensorFlow.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Literal

from components.shared.errors import InputError

Backend = Literal["tensorflow", "torch", "jax"]
BACKENDS: tuple[Backend, ...] = ("tensorflow", "torch", "jax")

DISTRIBUTIONS: dict[Backend, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-tpu"),
    "torch": ("torch",),
    "jax": ("jax",),
}
"""Names under which pip knows each backend."""


def current() -> Backend:
    """Name the backend Keras uses, or will use when it is imported.

    Raises:
        InputError: the setting names a backend this project does not run on.
    """
    name = _chosen()
    if name not in BACKENDS:
        raise InputError(f"KERAS_BACKEND: expected one of {', '.join(BACKENDS)}, got {name!r}")
    return name


def _chosen() -> str:
    if "keras" in sys.modules:
        import keras

        return str(keras.config.backend())
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    settings = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    try:
        return str(json.loads(settings.read_text()).get("backend", "tensorflow"))
    except (OSError, ValueError):  # Keras itself passes over a file it cannot read
        return "tensorflow"


def version(distribution: str) -> str:
    """Installed version of a distribution, empty when it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def backend_version(backend: Backend) -> str:
    """Installed version of a backend under whichever name pip knows it, empty when it is absent."""
    return next((found for name in DISTRIBUTIONS[backend] if (found := version(name))), "")


def release(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``2.19.1`` is ``(2, 19, 1)``, ``2.20.0rc1`` is ``(2, 20, 0)``."""
    numbers = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def metal_mismatch(tensorflow: str, plugin: str) -> str:
    """Say why this tensorflow-metal cannot load with this TensorFlow, and what to type; empty when it can.

    The plugin of tensorflow-metal 1.2.0 binds symbols and a library name that TensorFlow dropped in 2.20, so that
    ``import tensorflow`` itself fails. Newer plugins are not judged here.
    """
    if not tensorflow or not plugin or release(tensorflow) < (2, 20) or release(plugin) > (1, 2, 0):
        return ""
    return (
        f"tensorflow-metal {plugin} cannot load with TensorFlow {tensorflow} (2.19.1 is the newest that can): "
        "pip install tensorflow==2.19.1 tensorflow-metal==1.2.0"
    )
