"""What makes a table's values unusable, each problem a paragraph: column, first rows with dates, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.rows import SHOWN, BadCells, Rows
from components.preprocess.scaling import is_constant
from components.preprocess.windows import raw_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.preprocessing import TargetTransform


def value_problems(rows: Rows, target: str, transform: TargetTransform, horizon: int, train: range | None) -> list[str]:
    """Everything wrong with the values of a table.

    Args:
        rows: the values.
        target: name of the target column.
        transform: how the label is made from the target.
        horizon: rows between an origin and its label.
        train: origin rows of the train split, None if the table is too short to be split.
    """
    problems = _time_problems(rows.times)
    problems += [
        f"column {name} has {_cells(cells, rows.times)} infinite or too large for float32: correct them at the source, "
        "or leave them empty to have them filled."
        for name, cells in rows.infinite.items()
    ]
    problems += _target_problems(rows, target, transform, horizon, train)
    return problems


def date_of(time: np.datetime64) -> str:
    """``2020-01-06``, with the time of day if it has one."""
    return str(time).removesuffix("T00:00:00.000000").removesuffix(".000000")


def _target_problems(rows: Rows, name: str, transform: TargetTransform, horizon: int, train: range | None) -> list[str]:
    missing = np.flatnonzero(np.isnan(rows.targets))
    if len(missing):
        return [
            f"the target column {name} is missing in {_at(missing, rows.times)}: it may never be missing. "
            f"Drop those rows with ingest.filter: [{{column: {name}, op: is_not_null}}]."
        ]
    if name in rows.infinite:
        return []
    if transform == "log_return" and np.any(rows.targets <= 0):
        return [
            f"the target column {name} is zero or negative in {_at(np.flatnonzero(rows.targets <= 0), rows.times)}: "
            "a log-return needs positive values. Set preprocess.target_transform: difference."
        ]
    return _constant_problems(rows.targets, name, transform, horizon, train)


def _constant_problems(
    targets: NDArray[np.float64], name: str, transform: TargetTransform, horizon: int, train: range | None
) -> list[str]:
    if not len(targets):
        return []
    where = "in the whole table" if train is None else f"up to row {train[-1] + horizon}, the last a train label uses"
    seen = targets if train is None else targets[: train[-1] + horizon + 1]
    if is_constant(seen):
        return [f"the target column {name} is constant: {seen[0]:g} {where}. Choose another column."]
    if train is not None and is_constant(raw_labels(targets, train, horizon, transform)):
        return [
            f"the label of {name} does not vary on train rows: its {transform} over {horizon} rows is always the same. "
            "Choose another preprocess.target_transform or horizon."
        ]
    return []


def _time_problems(times: NDArray[np.datetime64]) -> list[str]:
    problems = []
    missing = np.flatnonzero(np.isnat(times))
    if len(missing):
        problems.append(f"the time is missing in {_at(missing, times)}: give every row one.")
    backward = np.flatnonzero(np.diff(times) <= np.timedelta64(0, "us")) + 1
    if len(backward):
        problems.append(
            f"times must increase from row to row, but do not in {_at(backward, times)}: "
            "sort the table by time and drop duplicates."
        )
    return problems


def _at(rows: Sequence[int] | NDArray[np.intp], times: NDArray[np.datetime64]) -> str:
    cells = BadCells()
    cells.add(np.asarray(rows))
    return _cells(cells, times)


def _cells(cells: BadCells, times: NDArray[np.datetime64]) -> str:
    """``3 rows (row 4 on 2020-01-05, …)``."""
    first = ", ".join(f"row {row} on {date_of(times[row])}" for row in cells.first)
    more = ", ..." if cells.count > SHOWN else ""
    return f"{cells.count:,} {'row' if cells.count == 1 else 'rows'} ({first}{more})"
