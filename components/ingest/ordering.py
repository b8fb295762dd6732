"""Is time strictly increasing? Within the whole table, or within each entity. Remembers one time an entity."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Positions = NDArray[np.int64]


class TimeOrder:
    """Compares each row with the row before it (of the same entity), across batches."""

    def __init__(self) -> None:
        self._last: dict[str | None, int] = {}

    def check(self, times: pa.Array, entities: pa.Array | None) -> tuple[Positions, Positions]:
        """Positions in this batch of rows that repeat the time before them, and of rows that go back in time.

        Args:
            times: date32 or timestamp[us]; null rows are skipped.
            entities: string or integer column of the same length, or None for one series.
        """
        integers = times.cast(pa.int32() if pa.types.is_date32(times.type) else pa.int64())
        known = _as_numpy(pc.indices_nonzero(times.is_valid()))
        ticks = _as_numpy(integers.drop_null())
        if not len(ticks):
            return known, known
        if entities is None:
            codes, names = np.zeros(len(ticks), dtype=np.int64), list[str | None]([None])
        else:
            encoded = entities.take(pa.array(known)).dictionary_encode(null_encoding="encode")
            codes, names = _as_numpy(encoded.indices), encoded.dictionary.to_pylist()
        order = np.argsort(codes, kind="stable")
        step = self._steps(ticks[order], codes[order], names)
        rows = known[order]
        return np.sort(rows[step == 0]), np.sort(rows[step < 0])

    def _steps(self, ticks: Positions, codes: Positions, names: list[str | None]) -> Positions:
        """Sign of the time since the previous row of the same entity; 1 for an entity's very first row."""
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        step: Positions = np.sign(np.diff(ticks, prepend=ticks[0]))
        for start in first:
            before = self._last.get(names[codes[start]])
            step[start] = 1 if before is None else np.sign(ticks[start] - before)
        for end in [*(first[1:] - 1), len(ticks) - 1]:
            self._last[names[codes[end]]] = int(ticks[end])
        return step


def _as_numpy(array: pa.Array) -> Positions:
    # Not np.asarray: Arrow would load pandas for that, which takes a second.
    return np.from_dlpack(array).astype(np.int64) if len(array) else np.empty(0, dtype=np.int64)
