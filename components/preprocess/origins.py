"""Origins of a split: as many as rows, so they are kept as ranges and written out in blocks only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_ROWS = 1 << 18


def in_blocks(rows: range | slice) -> Iterator[slice]:
    """Consecutive rows, cut into slices of at most :data:`BLOCK_ROWS`."""
    for start in range(rows.start, rows.stop, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, rows.stop))


@dataclass(frozen=True)
class Origins:
    """Rows that forecasts are made from, ascending: one range a series, empty for a series without any."""

    parts: tuple[range, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.int64]:
        """All of them, (origins,); for tables known to be small."""
        return np.concatenate([np.arange(part.start, part.stop) for part in self.parts] or [np.empty(0, np.int64)])

    @property
    def first(self) -> int:
        return self._filled[0].start

    @property
    def last(self) -> int:
        return self._filled[-1].stop - 1

    def blocks(self) -> Iterator[slice]:
        """The same rows as slices of at most :data:`BLOCK_ROWS`."""
        for part in self.parts:
            yield from in_blocks(part)

    def thinned(self, most: int) -> NDArray[np.int64]:
        """At most ``most`` of them, evenly spaced from the first on, (n,)."""
        places = np.arange(0, len(self), max(1, -(-len(self) // most)))
        stops = np.cumsum([len(part) for part in self.parts])
        part = np.searchsorted(stops, places, side="right")
        begins = np.asarray([part.start for part in self.parts]) - (stops - [len(part) for part in self.parts])
        return np.asarray(begins[part] + places)

    def spanned(self, times: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest time of an origin; ``times`` of every row, (rows,), ascend within each part."""
        firsts, lasts = [part.start for part in self._filled], [part.stop - 1 for part in self._filled]
        return times[firsts].min(), times[lasts].max()

    @property
    def _filled(self) -> list[range]:
        return [part for part in self.parts if part]
