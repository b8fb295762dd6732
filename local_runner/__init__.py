"""Run any compiled KFP v2 pipeline on one machine, in one process.

Example:
    >>> from local_runner import run                              # doctest: +SKIP
    >>> run("pipeline.yaml", {"epochs": 3}).outputs               # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_runner.api import Run, run
    from local_runner.errors import PipelineFailed

__all__ = ["PipelineFailed", "Run", "run"]

_HOMES = {"run": "local_runner.api", "Run": "local_runner.api", "PipelineFailed": "local_runner.errors"}


def __getattr__(name: str) -> Any:
    """Import on first use: `python -m local_runner --help` must not pay for KFP."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
