"""Features of the calendar, computed from times alone: known for any row, also for rows that have not happened yet.

A field such as the month is one number from -0.5 to 0.5 (GluonTS, Alexandrov et al. 2020; used by Informer and its
successors), or the sine and the cosine of its phase, for which December is next to January.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.datetime64]

CalendarField = Literal["month", "day_of_year", "day_of_month", "day_of_week", "hour", "minute"]
CalendarForm = Literal["scaled", "sine_cosine"]
PREFIX = "calendar_"


def _count(times: Times, of: str, since: str) -> NDArray[Any]:
    """Whole units, such as days ``D``, since the last longer one, such as months ``M``, began."""
    unit = f"datetime64[{of}]"
    began = times.astype(f"datetime64[{since}]").astype(unit)
    return np.asarray((times.astype(unit) - began).astype(np.int64))


# 1970-01-01 was a Thursday.
_VALUES: dict[str, Callable[[Times], NDArray[Any]]] = {
    "month": lambda times: _count(times, "M", "Y"),
    "day_of_year": lambda times: _count(times, "D", "Y"),
    "day_of_month": lambda times: _count(times, "D", "M"),
    "day_of_week": lambda times: (times.astype("datetime64[D]").astype(np.int64) + 3) % 7,
    "hour": lambda times: _count(times, "h", "D"),
    "minute": lambda times: _count(times, "m", "h"),
}
_PERIODS = {"month": 12, "day_of_year": 366, "day_of_month": 31, "day_of_week": 7, "hour": 24, "minute": 60}
_WAVES = {"_sin": np.sin, "_cos": np.cos}


def names(fields: Sequence[CalendarField], form: CalendarForm) -> tuple[str, ...]:
    """Names of the features that fields give: ``calendar_month``, or ``calendar_month_sin`` and ``…_cos``."""
    endings = [""] if form == "scaled" else list(_WAVES)
    return tuple(f"{PREFIX}{field}{ending}" for field in fields for ending in endings)


def column(name: str, times: Times) -> NDArray[np.float64]:
    """Values of one feature, (rows,), within -0.5..0.5 or, of a sine or cosine, within -1..1.

    Args:
        name: one of :func:`names`.
        times: datetime64 of any unit, (rows,); Monday is the first day of a week.
    """
    field, wave = name.removeprefix(PREFIX), name[-4:]
    if wave in _WAVES:
        field = field.removesuffix(wave)
        return np.asarray(_WAVES[wave](2 * np.pi * _VALUES[field](times) / _PERIODS[field]))
    return np.asarray(_VALUES[field](times) / (_PERIODS[field] - 1) - 0.5)
