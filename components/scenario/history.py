"""The rows that scenarios start from, with nothing missing any more, and the stretch of them that one origin needs.

Missing values are filled as preprocessing fills them, forward and then with the fitted value, so that a shock finds a
number in every row and preprocessing, which is repeated after it, has nothing left to fill.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.forecast import checks, files
from components.forecast.calendar import Calendar
from components.forecast.rows import LARGEST, Spine
from components.scenario.config import LONGEST_ROLL
from components.shared.artifacts import Table
from components.shared.errors import InputError
from components.shared.preprocessing import forward_fill

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.shared.preprocessing import Preprocessing
    from components.shared.schema import Schema

    Columns = dict[str, NDArray[np.float64]]

CONTEXT = LONGEST_ROLL
"""Rows before the window that a frame keeps: derived columns and early shocks reach back there."""


@dataclass(frozen=True)
class Frame:
    """The rows around one origin: ``origin`` is the position of row 0 in ``times`` and in every column, (rows,).

    Columns other than those known ahead hold NaN after the origin.
    """

    times: NDArray[np.datetime64]
    columns: Columns
    origin: int

    @property
    def rows(self) -> NDArray[np.int64]:
        """Each row's number counted from the origin."""
        return np.arange(len(self.times)) - self.origin

    def unknown_ahead(self, name: str) -> bool:
        """Whether a column lacks a value in some row after the origin."""
        return bool(np.isnan(self.columns[name][self.origin + 1 :]).any())

    def with_ahead(self, name: str, values: Sequence[float]) -> NDArray[np.float64]:
        """A column with other values in the rows after the origin, one each."""
        return np.concatenate([self.columns[name][: self.origin + 1], values])


@dataclass(frozen=True)
class History:
    """One series, oldest row first: ``times`` datetime64[us] and filled ``columns`` float64, each (rows,).

    ``targets`` is the target as it came, NaN where missing: rows after its last value are the future.
    """

    times: NDArray[np.datetime64]
    columns: Columns
    targets: NDArray[np.float64]
    schema: Schema
    calendar: Calendar

    @classmethod
    def read(cls, path: str | Path, preprocessing: Preprocessing, *, entity: str | None = None) -> Self:
        """Read a table artifact, a CSV or a Parquet file.

        Args:
            path: rows with the columns that the model was trained on.
            preprocessing: the model's.
            entity: which series of a panel; may be left out where there is only one.

        Raises:
            InputError: the rows do not fit the model; holds every problem.
        """
        folder = Path(path)
        if folder.is_dir():
            return cls.of_table(Table.open(folder), preprocessing, entity=entity)
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / "table"
            files.read_rows(folder, preprocessing, place, extra_allowed=True)
            return cls.of_table(Table.open(place), preprocessing, entity=entity, name=str(folder))

    @classmethod
    def of_table(cls, table: Table, preprocessing: Preprocessing, *, entity: str | None = None, name: str = "") -> Self:
        """The series of a table artifact; see :meth:`read`."""
        heading = f"{name or table.path} cannot be the start of a scenario:"
        problems = checks.column_problems(table.schema.names, preprocessing, extra_allowed=True)
        problems += checks.type_problems(table.schema, preprocessing)
        if problems:
            raise InputError(problems, heading=heading)
        needed = checks.needed(preprocessing)
        read = table.read([name for name in table.schema.names if name in needed])
        read = _of_entity(read, preprocessing.entity, entity)
        times = read[preprocessing.time].to_numpy().astype("datetime64[us]")
        raw = {name: _numbers(read[name]) for name in needed if name not in (preprocessing.time, preprocessing.entity)}
        known = np.flatnonzero(np.isfinite(raw[preprocessing.target.name]))
        problems = _value_problems(raw)
        if len(known):
            spine = Spine(times, raw[preprocessing.target.name])
            problems += checks.row_problems(spine, preprocessing, range(known[-1], known[-1] + 1))
        else:
            problems.append(f"the target {preprocessing.target.name} has no value in any row")
        calendar = None
        try:
            calendar = Calendar.of(times)
        except InputError as error:
            problems += error.problems
        if problems or calendar is None:
            raise InputError(problems, heading=heading)
        return cls(times, _filled(raw, preprocessing), raw[preprocessing.target.name], table.schema, calendar)

    @property
    def last(self) -> int:
        """Position of the last row with a target."""
        return int(np.flatnonzero(np.isfinite(self.targets))[-1])

    def origin_at(self, moment: str | None, lookback: int) -> int:
        """Position of the last row that is not after a moment and has a target; the last of all for None.

        Raises:
            InputError: no such row has a whole window before it.
        """
        if moment is None:
            return self.last
        usable = (self.times <= np.datetime64(moment)) & np.isfinite(self.targets)
        usable[: lookback - 1] = False
        found = np.flatnonzero(usable)
        if not len(found):
            first = str(self.times[lookback - 1])[:10]
            raise InputError(f"origin {moment}: the first row with {lookback} rows up to it is of {first}")
        return int(found[-1])

    def target_at(self, time: np.datetime64) -> float:
        """The target in the row of a time, NaN where there is none."""
        found = np.flatnonzero(self.times == time)
        return float(self.targets[found[0]]) if len(found) else float("nan")

    def frame(self, origin: int, lookback: int, horizon: int) -> Frame:
        """The rows around an origin: context, window and ``horizon`` rows ahead, which go on by the calendar."""
        first, stop = max(0, origin - lookback + 1 - CONTEXT), origin + horizon + 1
        beyond = max(0, stop - len(self.times))
        future = self.calendar.after(np.repeat(self.times[-1:], beyond), np.arange(1, beyond + 1))
        empty = np.full(beyond, np.nan)
        columns = {name: np.concatenate([values[first:stop], empty]) for name, values in self.columns.items()}
        return Frame(np.concatenate([self.times[first:stop], future]), columns, origin - first)


def _of_entity(read: pa.Table, column: str, wanted: str | None) -> pa.Table:
    """The rows of one series."""
    import pyarrow.compute as pc

    if not column:
        return read
    names = pc.cast(read[column], "string")
    there = sorted(str(name) for name in names.unique().to_pylist())
    if wanted is None and len(there) > 1:
        raise InputError(f"the rows are of {len(there)} entities: choose one with --entity, for example {there[0]}")
    chosen = wanted if wanted is not None else there[0]
    if chosen not in there:
        some = ", ".join(there[:8]) + (", ..." if len(there) > 8 else "")
        raise InputError(f"--entity {chosen}: there are rows of {some}")
    return read.filter(pc.equal(names, chosen))


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _value_problems(raw: Columns) -> list[str]:
    beyond = {name: np.flatnonzero(np.abs(values) > LARGEST) for name, values in raw.items()}
    return [
        f"column {name} has {len(rows):,} values that are infinite or too large, first in row {rows[0]}"
        for name, rows in beyond.items()
        if len(rows)
    ]


def _filled(raw: Columns, preprocessing: Preprocessing) -> Columns:
    """Fill forward, then with what preprocessing fitted; values known ahead are not carried into the future."""
    fills: dict[str, Any] = {feature.name: feature.fill for feature in preprocessing.features}
    last = int(np.flatnonzero(np.isfinite(raw[preprocessing.target.name]))[-1])
    columns = {}
    for name, values in raw.items():
        filled = forward_fill(values)
        filled = np.where(np.isnan(filled), fills.get(name, np.nan), filled)
        filled[last + 1 :] = values[last + 1 :]
        columns[name] = filled
    return columns
