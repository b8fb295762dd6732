"""When the horizon is: how rows go on after the last one.

The rule: ``weeks`` when most rows are seven days apart; ``business_days`` when most are one day apart and none is on
a weekend; ``days`` when most are one day apart; ``steps`` when most are any other one length apart (an hour, say),
which is then repeated round the clock. Rows that exist are never guessed: a forecast whose horizon lies within the
rows gets that row's own time. Public holidays are not known, so a date beyond the rows may be early by as many days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.forecast.config import CalendarName

DAY = np.timedelta64(1, "D").astype("timedelta64[us]")
MOST = 0.5
"""Share of the steps between rows that must be of one length."""
RECURRENCE = 3
"""Pauses of one length this often belong to the calendar ``steps``."""
RECENT = 10_000
"""Rows that the calendar is inferred from, the last ones."""


@dataclass(frozen=True)
class Calendar:
    """How rows follow each other; ``step`` is the time between two neighbours."""

    name: CalendarName
    step: np.timedelta64

    @classmethod
    def of(cls, times: NDArray[np.datetime64], wanted: CalendarName | None = None) -> Calendar:
        """Infer it from times (rows,) in ascending order; ``wanted`` settles which it is.

        Raises:
            InputError: no length of step is common enough to go on with.
        """
        times = times[-RECENT:]
        lengths, counts = np.unique(np.diff(times), return_counts=True)
        if wanted in ("business_days", "days", "weeks"):
            return cls(wanted, DAY * (7 if wanted == "weeks" else 1))
        if not len(lengths):
            raise InputError("the calendar cannot be told from one row: set forecast.calendar")
        step, share = lengths[counts.argmax()], counts.max() / counts.sum()
        if share <= MOST:
            raise InputError(
                f"the calendar cannot be told: the commonest step between rows, {_words(step)}, is only "
                f"{share:.0%} of them; set forecast.calendar to business_days, days, weeks or steps (that length)"
            )
        if wanted == "steps":
            return cls("steps", step)
        if step == DAY:
            at_weekends = np.isin(_weekday(times), (5, 6))
            return cls("days" if at_weekends.any() else "business_days", step)
        return cls("weeks" if step == 7 * DAY else "steps", step)

    def after(self, times: NDArray[np.datetime64], rows: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Time of the row that is ``rows`` after one at ``times``, elementwise; the time of day is kept."""
        if self.name != "business_days":
            return times + rows * self.step
        days = times.astype("datetime64[D]")
        return np.busday_offset(days, rows, roll="backward").astype(times.dtype) + (times - days)

    def missing_between(self, times: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """How many rows the calendar expects between each two neighbours, shape (rows - 1,)."""
        if self.name == "business_days":
            days = times.astype("datetime64[D]")
            return np.busday_count(days[:-1], days[1:]) - 1
        steps = np.diff(times)
        lengths, which, counts = np.unique(steps, return_inverse=True, return_counts=True)
        # Nights and weekends of a market recur; a failure of the source seldom has the same length three times.
        recurs = (counts >= RECURRENCE) if self.name == "steps" else np.zeros(len(lengths), dtype=bool)
        return np.where(recurs[which], 0, steps // self.step - 1)


def _weekday(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Monday is 0."""
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7


def _words(step: np.timedelta64) -> str:
    return f"{step / DAY:g} days" if step % DAY == np.timedelta64(0) else f"{step / np.timedelta64(1, 's'):g} seconds"
