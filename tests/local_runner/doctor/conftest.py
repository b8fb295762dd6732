"""A machine in good order; each test breaks one thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner.doctor.surroundings import Seen, Surroundings

ANSWER = {
    "accelerator": "cpu", "name": "x86_64", "count": 1, "reason": "TensorFlow lists no GPU", "chip": None,
    "memory_bytes": 16 * 2**30, "problems": [], "warnings": [],
    "advice": {"batch_size_low": 32, "batch_size_high": 256, "d_model": 256, "lookback": 96,
               "precision_candidates": ["float32"]},
}  # fmt: skip


@pytest.fixture
def answer() -> Callable[..., Seen]:
    """What a backend says of the machine, with some of it changed."""
    return lambda **changes: Seen({**ANSWER, **changes})


@pytest.fixture
def here(tmp_path: Path) -> Callable[..., Surroundings]:
    """Surroundings in good order, with some fields changed."""

    def build(**changes: Any) -> Surroundings:
        fields: dict[str, Any] = {
            "system": "Linux", "machine": "x86_64", "python": (3, 11, 7), "executable": "/env/bin/python",
            "environ": {}, "home": tmp_path, "root": tmp_path / "runs", "checkout": tmp_path, "cpus": 8,
            "installed": {"tensorflow-cpu": "2.19.1", "kfp": "2.13.0", "protobuf": "4.25.9", "keras": "3.15.1"},
            "requirements": {"kfp": ["protobuf<5,>=4.21.1"], "tensorflow-cpu": ["protobuf<6.0.0dev,>=3.20.3"]},
            "which": lambda _: None, "exists": lambda _: False, "free_bytes": lambda _: 100 * 2**30,
            "seen": {"tensorflow": Seen(ANSWER)},
        }  # fmt: skip
        return Surroundings(**{**fields, **changes})

    return build
