"""The last progress a task reported, as a file in its folder: how other processes see how far a running task is."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NAME = "progress.json"
_EVERY = 0.1


def write(folder: Path, progress: Mapping[str, Any]) -> None:
    """Keep ``progress`` in a task's folder; at most ten times a second, except for the last step."""
    target = folder / _NAME
    last = progress.get("step") is not None and progress.get("step") == progress.get("total")
    # A task must never fail because nobody could be told how far it is.
    with contextlib.suppress(OSError):
        if not last and target.exists() and abs(time.time() - target.stat().st_mtime) < _EVERY:
            return
        scratch = folder / f".{_NAME}"
        scratch.write_text(json.dumps(progress, default=str), encoding="utf-8")
        scratch.replace(target)


def read(folder: Path) -> dict[str, Any]:
    """What a task in ``folder`` last reported; empty when it reported nothing."""
    try:
        found = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return found if isinstance(found.get("figures", {}), dict) else {**found, "figures": {}}
