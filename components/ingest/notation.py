"""How a CSV writes numbers and times, where not plainly: decimal commas, thousands marks, days before months.

Nothing is guessed: `1,234` is a thousand in one file and little more than one in the next. What is configured is read
strictly, and a cell written otherwise is unreadable, not another number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

FOREIGN = "?"
"""Put in place of a mark that has no business in a number, so that the number cannot be read."""

ANY_MARK = r"[0-9][,' ][0-9]|\.[0-9]{3}\."


@dataclass(frozen=True)
class Notation:
    """``decimal`` and ``thousands`` marks, the latter often none; ``time_format`` as in strptime, None for ISO 8601."""

    decimal: str = "."
    thousands: str = ""
    time_format: str | None = None

    @property
    def plain_numbers(self) -> bool:
        return self.decimal == "." and not self.thousands

    def numbers(self, cells: pa.Array) -> pa.Array:
        """Text as casting reads it: a point for decimals, and nothing between thousands."""
        if self.plain_numbers:
            return cells
        if self.thousands:
            whole = (
                rf"^\s*[+-]?[0-9]{{1,3}}({re.escape(self.thousands)}[0-9]{{3}})+({re.escape(self.decimal)}[0-9]*)?\s*$"
            )
            grouped = pc.match_substring_regex(cells, whole)
            cells = pc.if_else(grouped, pc.replace_substring(cells, self.thousands, ""), cells)
        if self.decimal != ".":
            cells = pc.replace_substring(pc.replace_substring(cells, ".", FOREIGN), self.decimal, ".")
        return cells

    def times(self, cells: pa.Array, target: pa.DataType) -> tuple[pa.Array, list[int]]:
        """Text as dates or timestamps by ``time_format``, null where unreadable, and the positions of those cells.

        Each distinct cell is read once, by Python: Arrow would take the 31st of February for the 2nd of March.
        """
        encoded = cells.dictionary_encode()
        values = [self._time(text, pa.types.is_date(target)) for text in encoded.dictionary.to_pylist()]
        read = pa.array(values, target).take(encoded.indices)
        return read, pc.indices_nonzero(pc.and_(read.is_null(), cells.is_valid())).to_pylist()

    def _time(self, text: str, day_only: bool) -> date | datetime | None:
        try:
            moment = datetime.strptime(text.strip(), self.time_format or "")
        except ValueError:
            return None
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        if not day_only:
            return moment
        return moment.date() if moment == datetime.combine(moment, datetime.min.time()) else None


PLAIN = Notation()


def has_marks(cells: pa.Array) -> bool:
    """Whether any number among the cells holds a mark that is not a decimal point."""
    return bool(pc.any(pc.match_substring_regex(cells, ANY_MARK)).as_py())
