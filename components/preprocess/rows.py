"""Read a table's columns in record batches into memory-mapped arrays; memory is bounded by a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.arrays import allocate
from components.shared.preprocessing import forward_fill
from components.shared.progress import report

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.preprocess.columns import Columns
    from components.shared.artifacts import Table

BATCH_BYTES = 32 << 20
SHOWN = 3
LARGEST = float(np.finfo(np.float32).max)
"""Features are stored as float32, where anything larger is infinite."""


@dataclass
class BadCells:
    """How many cells of a column are unusable, and the first few of their rows."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, rows: NDArray[np.intp]) -> None:
        self.count += len(rows)
        self.first += [int(row) for row in rows[: SHOWN - len(self.first)]]


@dataclass(frozen=True)
class Rows:
    """Raw values of a table, oldest row first.

    ``times`` datetime64[us] (rows,); ``targets`` float64 (rows,), NaN where missing; ``filled`` float64
    (features, rows) on disk, each feature contiguous and filled forward, NaN before its first known value.
    ``infinite`` counts, by column, values that are infinite or do not fit a float32.
    """

    times: NDArray[np.datetime64]
    targets: NDArray[np.float64]
    filled: NDArray[np.float64]
    infinite: dict[str, BadCells]


def read_rows(table: Table, columns: Columns, scratch: Path) -> Rows:
    """Read the time, the target and the features of ``table``; ``scratch`` is the file of ``Rows.filled``.

    Raises:
        OSError: no room on the disk for the scratch file.
    """
    times = np.empty(table.rows, dtype="datetime64[us]")
    targets = np.empty(table.rows, dtype=np.float64)
    filled = allocate(scratch, (len(columns.features), table.rows), np.float64)
    carried = np.full(len(columns.features), np.nan)
    infinite: dict[str, BadCells] = {}
    names = columns.to_read
    start = 0
    for batch in table.batches(names, batch_rows=max(1, min(65_536, BATCH_BYTES // (8 * len(names))))):
        end = start + batch.num_rows
        times[start:end] = batch.column(columns.time).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        values = {name: _numbers(batch.column(name)) for name in names if name != columns.time}
        for name, column in values.items():
            beyond = np.flatnonzero(np.abs(column) > LARGEST)
            if len(beyond):
                infinite.setdefault(name, BadCells()).add(beyond + start)
        targets[start:end] = values[columns.target.name]
        for position, name in enumerate(columns.features):
            filled[position, start:end] = _fill_after(carried[position], values[name])
            carried[position] = filled[position, end - 1] if end > start else carried[position]
        start = end
        report("row", end, table.rows)
    return Rows(times, targets, filled, infinite)


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """An Arrow column of numbers or truth values as float64, NaN where null."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _fill_after(carried: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forward fill of a batch that goes on after the value ``carried``, NaN if none is known yet."""
    return forward_fill(np.concatenate([[carried], values]))[1:]
