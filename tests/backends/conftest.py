"""Where the other Keras backends are: an interpreter of its own, because one environment rarely holds all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def _interpreters() -> list[str]:
    named = os.environ.get("TANDEM_BACKENDS_PYTHON")
    return [named or str(ROOT / ".venv-backends" / "bin" / "python"), sys.executable]


@pytest.fixture(scope="session")
def run_under() -> Callable[..., Any]:
    """Run a script of this folder under a backend: its arguments in, what it prints as JSON out.

    The test is skipped where no interpreter has the backend.
    """
    found: dict[str, str] = {}

    def interpreter(backend: str) -> str:
        for python in _interpreters() if backend not in found else ():
            probe = [python, "-c", f"import importlib.util as u; raise SystemExit(u.find_spec({backend!r}) is None)"]
            if Path(python).exists() and subprocess.run(probe, check=False).returncode == 0:
                found[backend] = python
                break
        if backend not in found:
            pytest.skip(f"{backend} is not installed; make backends, or set TANDEM_BACKENDS_PYTHON")
        return found[backend]

    def run(backend: str, script: str, *arguments: object) -> Any:
        # The checkout is the first place to look: what is installed may be another copy.
        environment = {
            **os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # half the time to compile
        }  # fmt: skip
        command = [interpreter(backend), str(HERE / script), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=800, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
