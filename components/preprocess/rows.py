"""Read a table's columns in record batches into memory-mapped arrays; memory is bounded by a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from components.preprocess.arrays import allocate, let_go
from components.shared import calendar
from components.shared.preprocessing import forward_fill
from components.shared.progress import report

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.preprocess.columns import Columns
    from components.shared.artifacts import Table

BATCH_BYTES = 8 << 20
SHOWN = 3
RAW = "raw.npy"
"""Holds ``Rows.filled`` until the features are written."""
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


class Entity(NamedTuple):
    """One run of rows of the same entity, ``stop`` exclusive; ``name`` is None where the cells are empty."""

    name: str | None
    first: int
    stop: int


@dataclass(frozen=True)
class Rows:
    """Raw values of a table, oldest row first; in a panel, oldest row of each entity first.

    All on disk: ``times`` datetime64[us] (rows,); ``targets`` float64 (rows,), NaN where missing; ``filled`` float64
    (features, rows), each feature contiguous and filled forward, NaN before its first known value.
    ``infinite`` counts, by column, values that are infinite or do not fit a float32. ``entities`` are the series of a
    panel in the order of their rows, none for one series.
    """

    times: NDArray[np.datetime64]
    targets: NDArray[np.float64]
    filled: NDArray[np.float64]
    infinite: dict[str, BadCells]
    entities: tuple[Entity, ...] = ()

    @property
    def series(self) -> list[slice]:
        """Rows of each series, all of them for a table of one."""
        if not self.entities:
            return [slice(0, len(self.times))]
        return [slice(entity.first, entity.stop) for entity in self.entities]


def read_rows(table: Table, columns: Columns, folder: Path) -> Rows:
    """Read the time, the target and the features of ``table`` into ``times.npy``, ``targets.npy`` and ``raw.npy``.

    Raises:
        OSError: no room on the disk for them in ``folder``.
    """
    import pyarrow as pa

    rows = Rows(
        times=allocate(folder / "times.npy", (table.rows,), "datetime64[us]"),
        targets=allocate(folder / "targets.npy", (table.rows,), np.float64),
        filled=allocate(folder / RAW, (len(columns.features), table.rows), np.float64),
        infinite={},
    )
    runs = _copy_batches(table, columns, rows)
    for array in (rows.times, rows.targets):
        array.flush()  # type: ignore[attr-defined]
    pa.default_memory_pool().release_unused()  # Arrow keeps what it has read into, and here nothing more is read
    return replace(rows, entities=tuple(runs))


def _copy_batches(table: Table, columns: Columns, rows: Rows) -> list[Entity]:
    """Fill the arrays of ``rows`` batch by batch, and in it column by column; return the runs of entities."""
    runs: list[Entity] = []
    names, carried = columns.to_read, dict.fromkeys(columns.features, np.nan)
    start = 0
    for batch in table.batches(names, batch_rows=max(1, min(65_536, BATCH_BYTES // (8 * len(names))))):
        end = start + batch.num_rows
        rows.times[start:end] = batch.column(columns.time).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        begins = _add_runs(runs, batch.column(columns.entity), start) if columns.entity else np.zeros(1, dtype=np.int64)
        for name in columns.numbers:
            values = _numbers(batch.column(name))
            beyond = np.flatnonzero(np.abs(values) > LARGEST)
            if len(beyond):
                rows.infinite.setdefault(name, BadCells()).add(beyond + start)
            if name == columns.target.name:
                rows.targets[start:end] = values
            if name in carried:
                filled = _fill_after(carried[name], values, begins)
                rows.filled[columns.features.index(name), start:end] = filled
                carried[name] = filled[-1] if end > start else carried[name]
        for name in columns.calendar:
            rows.filled[columns.features.index(name), start:end] = calendar.column(name, rows.times[start:end])
        for array in (rows.filled, rows.times, rows.targets):
            let_go(array)
        start = end
        report("row", end, table.rows)
    return runs


def _add_runs(runs: list[Entity], names: pa.Array, start: int) -> NDArray[np.int64]:
    """Note which entities the rows of a batch belong to; where each row's series begins, see :func:`_fill_after`."""
    import pyarrow.compute as pc

    if not len(names):
        return np.zeros(0, dtype=np.int64)
    encoded = pc.run_end_encode(names)
    stops = np.asarray(encoded.run_ends.to_numpy(), dtype=np.int64)
    firsts = np.concatenate([[0], stops[:-1]])
    begins = np.repeat(firsts + 1, stops - firsts)
    for name, first, stop in zip(encoded.values.to_pylist(), firsts.tolist(), stops.tolist(), strict=True):
        shown = None if name is None else str(name)
        if first == 0 and runs and runs[-1].name == shown:
            runs[-1] = Entity(shown, runs[-1].first, start + stop)
            begins[: stop - first] = 0
        else:
            runs.append(Entity(shown, start + first, start + stop))
    return begins


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """An Arrow column of numbers or truth values as float64, NaN where null."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _fill_after(carried: float, values: NDArray[np.float64], begins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Forward fill of a batch that goes on after the value ``carried``, NaN if none is known yet.

    ``begins``, one a row or one for all, is where the row's series begins, counted with ``carried`` as 0.
    """
    begins = np.broadcast_to(begins, len(values))
    return forward_fill(np.concatenate([[carried], values]), np.concatenate([[0], begins]))[1:]
