"""What makes a table's values unusable, each problem a paragraph: column, first rows with dates, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.rows import SHOWN, BadCells, Rows
from components.preprocess.scaling import is_constant
from components.preprocess.splits import Splits
from components.preprocess.windows import raw_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.preprocessing import TargetTransform


def value_problems(
    rows: Rows, target: str, transform: TargetTransform, horizon: int, splits: Splits | None
) -> list[str]:
    """Everything wrong with the values of a table.

    Args:
        rows: the values.
        target: name of the target column.
        transform: how the label is made from the target.
        horizon: rows between an origin and its label.
        splits: of the table, None if it cannot be split.
    """
    problems = [*entity_problems(rows), *_time_problems(rows)]
    problems += [
        f"column {name} has {_cells(cells, rows.times)} infinite or too large for float32: correct them at the source, "
        "or leave them empty to have them filled."
        for name, cells in rows.infinite.items()
    ]
    problems += _target_problems(rows, target, transform, horizon, splits)
    return problems


def date_of(time: np.datetime64) -> str:
    """``2020-01-06``, with the time of day if it has one."""
    return str(time).removesuffix("T00:00:00.000000").removesuffix(".000000")


def _target_problems(
    rows: Rows, name: str, transform: TargetTransform, horizon: int, splits: Splits | None
) -> list[str]:
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
    return _constant_problems(rows.targets, name, transform, horizon, splits)


def _constant_problems(
    targets: NDArray[np.float64], name: str, transform: TargetTransform, horizon: int, splits: Splits | None
) -> list[str]:
    if not len(targets):
        return []
    train = None if splits is None else splits.origins["train"]
    where = "in the whole table" if train is None else f"up to row {train[-1] + horizon}, the last a train label uses"
    seen = targets if splits is None else splits.fit_on(targets, beyond=horizon)
    if is_constant(seen):
        return [f"the target column {name} is constant: {seen[0]:g} {where}. Choose another column."]
    if train is not None and is_constant(raw_labels(targets, train, horizon, transform)):
        return [
            f"the label of {name} does not vary on train rows: its {transform} over {horizon} rows is always the same. "
            "Choose another preprocess.target_transform or horizon."
        ]
    return []


def entity_problems(rows: Rows) -> list[str]:
    """What keeps a panel's rows from being told apart."""
    problems = []
    unnamed = [entity.first for entity in rows.entities if entity.name is None]
    if unnamed:
        problems.append(f"the entity is missing from {_at(unnamed, rows.times)}: give every row one.")
    seen: set[str | None] = set()
    again = []
    for entity in rows.entities:
        if entity.name in seen and entity.name is not None:
            again.append(f"{entity.name} again from row {entity.first:,}")
        seen.add(entity.name)
    if again:
        more = ", ..." if len(again) > SHOWN else ""
        problems.append(
            f"rows of one entity must follow each other, but do not in {len(again):,} places "
            f"({', '.join(again[:SHOWN])}{more}): sort the table by entity, then by time; the ingest stage does."
        )
    return problems


def _time_problems(rows: Rows) -> list[str]:
    problems = []
    times = rows.times
    missing = np.flatnonzero(np.isnat(times))
    if len(missing):
        problems.append(f"the time is missing in {_at(missing, times)}: give every row one.")
    first = [part.start for part in rows.series]
    for wrong, what, remedy in (
        (np.diff(times) < np.timedelta64(0, "us"), "go back", "sort the table by time"),
        (np.diff(times) == np.timedelta64(0, "us"), "are repeated", "drop duplicates"),
    ):
        where = np.setdiff1d(np.flatnonzero(wrong) + 1, first)
        if len(where):
            within = " within an entity" if rows.entities else ""
            problems.append(f"times must increase{within}, but {what} in {_at(where, times)}: {remedy}.")
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
