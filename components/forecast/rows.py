"""New rows, in blocks: what every row says of time and target, and windows of scaled features as they stream by.

Times and targets are held whole, sixteen bytes a row; features never are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.errors import InputError
from components.shared.preprocessing import forward_fill

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.shared.artifacts import Table
    from components.shared.preprocessing import Preprocessing

BLOCK_BYTES = 32 << 20
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Spine:
    """``times`` datetime64[us] and ``targets`` float64 of all rows, NaN where the target is missing.

    ``entities`` are those that the rows are of; none where the model knows of no entities. ``ahead`` holds features
    that the model reads past the origin and no calendar computes, float64 (rows,) each: rows after the last target are
    the future.
    """

    times: NDArray[np.datetime64]
    targets: NDArray[np.float64]
    entities: frozenset[str] = frozenset()
    ahead: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def known_rows(self) -> int:
        """Rows up to the last one that a forecast may be made from: all, unless rows of the future are expected."""
        if not self.ahead:
            return len(self.times)
        return int(np.flatnonzero(np.isfinite(self.targets)).max(initial=-1)) + 1

    @classmethod
    def read(cls, table: Table, preprocessing: Preprocessing, ahead: Sequence[str] = ()) -> Spine:
        time, target = preprocessing.time, preprocessing.target.name
        entity = [preprocessing.entity] if preprocessing.entity in table.schema.names else []
        entities: set[str] = set()
        times = np.empty(table.rows, dtype="datetime64[us]")
        targets = np.empty(table.rows, dtype=np.float64)
        known = {name: np.empty(table.rows, dtype=np.float64) for name in ahead if name in table.schema.names}
        start = 0
        for batch in table.batches([time, target, *entity, *known]):
            end = start + batch.num_rows
            times[start:end] = batch.column(time).to_numpy(zero_copy_only=False).astype("datetime64[us]")
            targets[start:end] = _numbers(batch.column(target))
            for name, values in known.items():
                values[start:end] = _numbers(batch.column(name))
            entities |= {str(value) for name in entity for value in batch.column(name).unique().to_pylist()}
            start = end
        return cls(times, targets, frozenset(entities), known)


@dataclass(frozen=True)
class Windows:
    """Windows of consecutive origins: ``origins`` (n,) are rows, ``values`` float32 (n, lookback, features) a view."""

    origins: NDArray[np.int64]
    values: NDArray[np.float32]


def windows(table: Table, preprocessing: Preprocessing, first_origin: int) -> Iterator[Windows]:
    """Windows of every origin from ``first_origin`` to the last row, a block of rows at a time.

    Raises:
        InputError: a value is infinite or does not fit a float32; names each such column of the block.
    """
    lookback = preprocessing.lookback
    first_row = first_origin - lookback + 1
    tail = np.empty((0, len(preprocessing.features)), dtype=np.float32)
    for start, block in _scaled(table, preprocessing, first_row):
        rows = np.concatenate([tail, block])
        if len(rows) >= lookback:
            values = np.lib.stride_tricks.sliding_window_view(rows, (lookback, rows.shape[1]))[:, 0]
            last = start + len(block)
            yield Windows(np.arange(last - len(values), last), values)
        tail = rows[max(0, len(rows) - lookback + 1) :]


def _scaled(table: Table, preprocessing: Preprocessing, first_row: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First row and scaled features of each block, from ``first_row`` on; earlier rows only fill what is missing."""
    names = [name for name in preprocessing.feature_names if name not in preprocessing.calendar]
    carried = dict.fromkeys(names, np.nan)
    start = 0
    read = list(dict.fromkeys([preprocessing.time, *names]))
    for batch in table.batches(read, batch_rows=max(1, min(65_536, BLOCK_BYTES // (8 * len(read))))):
        columns: dict[str, Any] = {
            name: np.concatenate([[carried[name]], _numbers(batch.column(name))]) for name in names
        }
        carried = {name: forward_fill(values)[-1] for name, values in columns.items()}
        end = start + batch.num_rows
        if end > first_row:
            _check(columns, start)
            # The row that is carried over serves only to fill, and is dropped again.
            block = preprocessing.transform(columns | _series(batch, preprocessing))[1:]
            skipped = max(0, first_row - start)
            yield start + skipped, block[skipped:]
        start = end


def _series(batch: pa.RecordBatch, preprocessing: Preprocessing) -> dict[str, Any]:
    """The times of a batch, and one entity for all of it, with a row in front for the one that is carried over."""
    times = batch.column(preprocessing.time).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    found: dict[str, Any] = {preprocessing.time: np.concatenate([times[:1], times])}
    if preprocessing.entity:
        found[preprocessing.entity] = np.zeros(len(times) + 1, dtype=np.int64)
    return found


def _check(columns: dict[str, NDArray[np.float64]], start: int) -> None:
    problems = []
    for name, values in columns.items():
        beyond = np.flatnonzero(np.abs(values) > LARGEST)
        if len(beyond):
            row = start + int(beyond[0]) - 1
            problems.append(
                f"column {name} has {len(beyond):,} values that are infinite or too large, first in row {row}"
            )
    if problems:
        raise InputError(problems, heading="the rows cannot be forecast:")


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """An Arrow column of numbers or truth values as float64, NaN where null."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
