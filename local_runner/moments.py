"""Moments and lengths of time as they are typed: ``2026-03-31``, ``12h``, ``30d``."""

from __future__ import annotations

import datetime

from local_runner.errors import UsageError

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def seconds_in(text: str) -> float:
    """Seconds in ``90m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        UsageError: it is none of these.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isdecimal():
        return int(number) * _UNITS[unit]
    raise UsageError(f"expected a length of time such as 90m, 12h, 30d or 2w, got {text!r}")


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of a local date, a date with a time, or so long before ``now`` (``7d``).

    Raises:
        UsageError: it is none of these.
    """
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass  # not a date: a length of time, or a mistake
    try:
        return now - seconds_in(text)
    except UsageError:
        expected = "a date such as 2026-03-31 or a length of time such as 12h or 7d"
        raise UsageError(f"expected {expected}, got {text!r}") from None
