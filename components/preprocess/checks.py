"""What makes a table's values unusable, each problem a paragraph: column, first rows with dates, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.preprocess.arrays import let_go
from components.preprocess.origins import in_blocks
from components.preprocess.rows import SHOWN, BadCells, Rows
from components.preprocess.scaling import is_constant
from components.preprocess.splits import Splits
from components.preprocess.windows import train_labels
from components.shared.preprocessing import HORIZONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.preprocessing import TargetTransform

SPACING_ROWS = 10_000
"""Rows that their usual distance is told from, the last ones of the longest series."""
SHORTEST_DAY, LONGEST_DAY = 0.5, 3.0
"""Usual distances, in days, of rows that are trading days."""


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


def horizon_problems(rows: Rows, horizon: int | str) -> list[str]:
    """A horizon named by its span of trading days, of rows that are not days: a month would be 21 months or hours."""
    longest = max(rows.series, key=lambda part: part.stop - part.start, default=slice(0, 0))
    times = rows.times[longest.start : longest.stop][-SPACING_ROWS:]
    steps = np.diff(times[~np.isnat(times)])
    steps = steps[steps > np.timedelta64(0, "us")]  # rows out of order are another problem
    if isinstance(horizon, int) or not len(steps):
        return []
    days = float(np.median(steps) / np.timedelta64(1, "D"))
    if SHORTEST_DAY <= days <= LONGEST_DAY:
        return []
    count, unit = (days, "day") if days >= 1 else (24 * days, "hour")
    apart = f"{count:.3g} {unit}{'' if count == 1 else 's'}"
    return [
        f"the horizon {horizon} means {HORIZONS[horizon]} trading days, but rows are {apart} apart: "
        "set preprocess.horizon to a number of rows."
    ]


def date_of(time: np.datetime64) -> str:
    """``2020-01-06``, with the time of day if it has one."""
    return str(time).removesuffix("T00:00:00.000000").removesuffix(".000000")


def _target_problems(
    rows: Rows, name: str, transform: TargetTransform, horizon: int, splits: Splits | None
) -> list[str]:
    missing = _found(rows.targets, np.isnan)
    if missing.count:
        return [
            f"the target column {name} is missing in {_cells(missing, rows.times)}: it may never be missing. "
            f"Drop those rows with ingest.filter: [{{column: {name}, op: is_not_null}}]."
        ]
    if name in rows.infinite:
        return []
    low = _found(rows.targets, lambda block: block <= 0) if transform == "log_return" else BadCells()
    if low.count:
        return [
            f"the target column {name} is zero or negative in {_cells(low, rows.times)}: "
            "a log-return needs positive values. Set preprocess.target_transform: difference."
        ]
    return _constant_problems(rows.targets, name, transform, horizon, splits)


def _constant_problems(
    targets: NDArray[np.float64], name: str, transform: TargetTransform, horizon: int, splits: Splits | None
) -> list[str]:
    if not len(targets):
        return []
    train = None if splits is None else splits.origins["train"]
    where = "in the whole table" if train is None else f"up to row {train.last + horizon}, the last a train label uses"
    whole = Splits({}, (slice(0, len(targets)),))
    extremes = (splits or whole).fit_on(targets, beyond=horizon if splits else 0).extremes()
    if is_constant(np.asarray(extremes)):
        return [f"the target column {name} is constant: {extremes[0]:g} {where}. Choose another column."]
    if train is not None and is_constant(np.asarray(train_labels(targets, train, horizon, transform).extremes())):
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
    missing = _found(times, np.isnat)
    if missing.count:
        problems.append(f"the time is missing in {_cells(missing, times)}: give every row one.")
    no_time = np.timedelta64(0, "us")
    for wrong, what, remedy in (
        (lambda steps: steps < no_time, "go back", "sort the table by time"),
        (lambda steps: steps == no_time, "are repeated", "drop duplicates"),
    ):
        where = _steps(times, rows.series, wrong)
        if where.count:
            within = " within an entity" if rows.entities else ""
            problems.append(f"times must increase{within}, but {what} in {_cells(where, times)}: {remedy}.")
    return problems


def _found(values: NDArray[Any], wrong: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> BadCells:
    """Rows whose value is ``wrong``, looked for in blocks."""
    cells = BadCells()
    for rows in in_blocks(range(len(values))):
        cells.add(np.flatnonzero(wrong(values[rows])) + rows.start)
        let_go(values)
    return cells


def _steps(
    times: NDArray[np.datetime64], series: Sequence[slice], wrong: Callable[[NDArray[Any]], NDArray[np.bool_]]
) -> BadCells:
    """Rows whose time after the one before, in their own series, is ``wrong``."""
    cells = BadCells()
    for part in series:
        for rows in in_blocks(range(part.start + 1, part.stop)):
            cells.add(np.flatnonzero(wrong(np.diff(times[rows.start - 1 : rows.stop]))) + rows.start)
            let_go(times)
    return cells


def _at(rows: Sequence[int] | NDArray[np.intp], times: NDArray[np.datetime64]) -> str:
    cells = BadCells()
    cells.add(np.asarray(rows))
    return _cells(cells, times)


def _cells(cells: BadCells, times: NDArray[np.datetime64]) -> str:
    """``3 rows (row 4 on 2020-01-05, …)``."""
    first = ", ".join(f"row {row} on {date_of(times[row])}" for row in cells.first)
    more = ", ..." if cells.count > SHOWN else ""
    return f"{cells.count:,} {'row' if cells.count == 1 else 'rows'} ({first}{more})"
