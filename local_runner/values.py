"""Parameter values: what KFP's declared types mean for plain Python values.

A compiled file carries every number as a double. An integral double is an int again unless the parameter is declared
``NUMBER_DOUBLE``, also inside lists and structs.
"""

from __future__ import annotations

import json
from typing import Any

_NAMES = {
    "STRING": "a string",
    "NUMBER_INTEGER": "an integer",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list",
    "STRUCT": "a mapping",
    "TASK_FINAL_STATUS": "a mapping",
}
_PYTHON = {"NUMBER_INTEGER": int, "BOOLEAN": bool, "LIST": list, "STRUCT": dict, "TASK_FINAL_STATUS": dict}


def plain(value: Any) -> Any:
    """Integral doubles as ints, at any depth; everything else unchanged."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def typed(value: Any, declared: str) -> Any:
    """``value`` as a parameter of type ``declared`` (``NUMBER_INTEGER``, ``LIST``, …) hands it to a component.

    Text is read as the declared type and a value given to a STRING becomes its JSON text, as it does on a cluster.

    Raises:
        ValueError: the value cannot be of that type.
    """
    if value is None:
        return None
    if declared == "NUMBER_DOUBLE":
        return _double(value)
    value = plain(value)
    if declared == "STRING":
        return value if isinstance(value, str) else text(value)
    if isinstance(value, str) and declared in _NAMES:
        value = _from_text(value, declared)
    if _fits(value, declared):
        return value
    raise ValueError(f"expected {_NAMES[declared]}, got {shorten(value)}")


def text(value: Any) -> str:
    """A value inside a string or a command line: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(", ", ": "))


def shorten(value: Any, length: int = 60) -> str:
    """A value for a message."""
    shown = repr(value)
    return shown if len(shown) <= length else f"{shown[:length]}…"


def _double(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else _refuse(value)
    except ValueError:
        raise ValueError(f"expected a number, got {shorten(value)}") from None


def _refuse(value: Any) -> float:
    raise ValueError(value)


def _from_text(value: str, declared: str) -> Any:
    """Read text as a non-string type; text that is not of it is left for the caller to refuse."""
    if declared == "BOOLEAN":
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    try:
        return plain(json.loads(value))
    except ValueError:
        return value


def _fits(value: Any, declared: str) -> bool:
    wanted = _PYTHON.get(declared)
    if wanted is None:  # TASK_CONFIG and types newer than this runner
        return True
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
