"""Statistics of a column, asked of an engine in SQL: no value leaves it but the answers, so no table is too long.

The same statements run on DuckDB and on BigQuery. Mean, deviation and extremes are the engine's own aggregates. A value
by its rank (a median, a quartile) is exact: SQL has no exact one in bounded memory, so the rank is closed in on by
counting, as a radix selection does. One pass counts the values by bucket, the next looks only into the bucket that
holds the rank, until few enough values are left to be fetched. (Floyd and Rivest, "Expected time bounds for selection",
Communications of the ACM 18, 1975, bound the same search by sampling.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from components.shared.sql import Dialect, Query

BUCKETS = 4096
FETCHED = 20_000
"""Distinct values that a bucket may hold to be fetched."""

Ask = Callable[[Query], Sequence[Sequence[Any]]]
"""Runs one query and gives its rows."""


@dataclass(frozen=True)
class Summary:
    """A column's figures; NaN counts as missing. Without a value, all but the counts are 0.

    ``deviation`` is that of the population.
    """

    rows: int
    known: int
    mean: float = 0.0
    deviation: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def null_share(self) -> float:
        """Share of rows without a value, between 0 and 1; 0 of no rows."""
        return 1.0 - self.known / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Column:
    """A numeric column of something that an engine can select from; ``relation`` is quoted."""

    ask: Ask
    dialect: Dialect
    relation: str
    name: str

    def summary(self) -> Summary:
        """Counts, mean, population deviation and extremes, in one pass."""
        text = (
            "SELECT COUNT(*), COUNT(value), AVG(value), STDDEV_POP(value), MIN(value), MAX(value)\n"
            f"FROM ({self._values()}) AS cells"
        )
        ((rows, known, *figures),) = self.ask(Query(text))
        return Summary(int(rows), int(known), *map(float, figures)) if known else Summary(int(rows), 0)

    def at_ranks(self, ranks: Sequence[int], summary: Summary) -> dict[int, float]:
        """The values at ranks of the ascending known values, from 0; exact, in two or more passes.

        Args:
            ranks: each of 0 to ``summary.known - 1``.
            summary: of this column.
        """
        found: dict[int, float] = {}
        pending = [(summary.low, summary.high, 0, sorted(set(ranks)))]
        while pending:
            low, high, before, wanted = pending.pop()
            if low == high or not wanted:
                found.update(dict.fromkeys(wanted, low))
                continue
            scale = _scale(low, high)
            if math.isinf(scale):
                found.update(self._fetched(low, high, before, wanted))
                continue
            for bucket_low, bucket_high, first, count in self._buckets(low, high, scale, before):
                inside = [rank for rank in wanted if first <= rank < first + count]
                if inside and count <= FETCHED:
                    found.update(self._fetched(bucket_low, bucket_high, first, inside))
                elif inside:
                    pending.append((bucket_low, bucket_high, first, inside))
        return found

    def quantiles(self, shares: Sequence[float], summary: Summary) -> list[float]:
        """Quantiles between 0 and 1 of the known values, linear between two ranks, as NumPy has them by default."""
        places = [share * (summary.known - 1) for share in shares]
        ranks = {rank for place in places for rank in (int(place), min(int(place) + 1, summary.known - 1))}
        values = self.at_ranks(sorted(ranks), summary)
        return [between(values[int(p)], values[min(int(p) + 1, summary.known - 1)], p - int(p)) for p in places]

    def _values(self) -> str:
        cell = f"CAST({self.dialect.identifier(self.name)} AS {self.dialect.real})"
        value = f"CASE WHEN {self.dialect.is_nan.format(cell)} THEN NULL ELSE {cell} END"
        return f"SELECT {value} AS value FROM {self.relation}"

    def _buckets(self, low: float, high: float, scale: float, before: int) -> list[tuple[float, float, int, int]]:
        """Least and greatest value, first rank and count of each bucket between two values; ``before`` are less."""
        mark = self.dialect.placeholder.format
        text = (
            f"SELECT MIN(value), MAX(value), COUNT(*)\nFROM ({self._values()}) AS cells\n"
            f"WHERE value >= {mark('low')} AND value <= {mark('high')}\n"
            f"GROUP BY FLOOR((value / 2 - {mark('low')} / 2) * {mark('scale')})\nORDER BY 1"
        )
        found = []
        for least, greatest, count in self.ask(Query(text, {"low": low, "high": high, "scale": scale})):
            found.append((float(least), float(greatest), before, int(count)))
            before += int(count)
        return found

    def _fetched(self, low: float, high: float, first: int, ranks: Sequence[int]) -> dict[int, float]:
        mark = self.dialect.placeholder.format
        text = (
            f"SELECT value, COUNT(*)\nFROM ({self._values()}) AS cells\n"
            f"WHERE value >= {mark('low')} AND value <= {mark('high')}\nGROUP BY value\nORDER BY value"
        )
        found: dict[int, float] = {}
        for value, count in self.ask(Query(text, {"low": low, "high": high})):
            found.update({rank: float(value) for rank in ranks if first <= rank < first + int(count)})
            first += int(count)
        return found


def _scale(low: float, high: float) -> float:
    """Buckets by half a unit, because the whole width of float64 is infinite; infinite where no bucket is so narrow."""
    half = high / 2 - low / 2
    return BUCKETS / half if half else math.inf


def between(lower: float, upper: float, share: float) -> float:
    """The value a share of the way from one to another, as NumPy has it: exact at both ends."""
    return lower + (upper - lower) * share if share < 0.5 else upper - (upper - lower) * (1 - share)
