"""How values are written on the pages: the filters of the templates."""

from __future__ import annotations

import json
import time
from typing import Any

LONGEST = 200


def figure(value: Any) -> str:
    """A value in a cell: four significant digits, text as it is, everything else as JSON; long text is cut.

    Example:
        >>> [figure(value) for value in (0.123456, 12345, True, None, [1, 2])]
        ['0.1235', '12345', 'true', '–', '[1, 2]']
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return cut(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))


def signed(difference: float) -> str:
    """A difference with its sign.

    Example:
        >>> [signed(value) for value in (0.25, -32128.0, 1e-7, 0.0)]
        ['+0.25', '-32128', '+1e-07', '+0']
    """
    return f"{difference:+.0f}" if float(difference).is_integer() and abs(difference) < 1e15 else f"{difference:+.4g}"


def cut(text: str, length: int = LONGEST) -> str:
    """Text that fits a cell."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def pretty(value: Any) -> str:
    """A nested value as indented JSON, text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, default=str, ensure_ascii=False)


def size(count: int) -> str:
    """Bytes in words.

    Example:
        >>> [size(count) for count in (0, 999, 1500, 2_500_000)]
        ['0 B', '999 B', '1.5 kB', '2.5 MB']
    """
    if count < 1000:
        return f"{count} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < factor * 1000:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e12:.1f} TB"


def when(seconds: float | None) -> str:
    """A moment, in this machine's time zone."""
    return "–" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def short_type(title: str) -> str:
    """``system.Dataset`` as ``Dataset``."""
    return title.rpartition(".")[2] or "Artifact"
