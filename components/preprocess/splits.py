"""Which rows may be a forecast origin of which split: in time order, with an embargo of ``horizon`` rows between.

The rows are cut by share, at the same dates for every horizon, so that forecasters of all horizons are tested on one
stretch of time. An origin has a full window behind it and its label inside its own part, hence the last ``horizon``
rows of a part are no origins: no label reaches the next part (purging and embargo: Lopez de Prado, Advances in
Financial Machine Learning, 2018, section 7.4).

A panel is cut at the same dates for every entity, those that lie at the shares of all its dates, so that no entity's
train label is of a day that another entity is validated on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from components.preprocess.arrays import let_go
from components.preprocess.column_fit import Values
from components.preprocess.config import PreprocessConfig, SplitShares
from components.preprocess.origins import Origins, in_blocks
from components.shared.preprocessing import HORIZONS, SPLITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINIMUM_WINDOWS = 8
"""Fewest windows of a split: below this neither a fitted scale nor a score says anything."""


@dataclass(frozen=True)
class Splits:
    """Origin rows of each split, and ``fitted``, the rows that features are fitted on.

    Fitted on are, of each series with train origins, the rows from its first to its last train origin.
    """

    origins: Mapping[str, Origins]
    fitted: tuple[slice, ...]

    @classmethod
    def of_series(cls, origins: Sequence[Mapping[str, range]], firsts: Sequence[int]) -> Self:
        """Join the origins of series that begin at the rows ``firsts``."""
        joined = {name: Origins(tuple(_not_negative(part[name]) for part in origins)) for name in SPLITS}
        trained = [(first, part["train"].stop) for first, part in zip(firsts, origins, strict=True) if part["train"]]
        return cls(joined, tuple(slice(first, stop) for first, stop in trained))

    def fit_on(self, values: NDArray[np.float64], beyond: int = 0) -> Values:
        """Values, (rows,), at the rows to fit on and ``beyond`` more of each series."""
        parts = [slice(part.start, part.stop + beyond) for part in self.fitted]

        def blocks() -> Iterator[NDArray[np.float64]]:
            for part in parts:
                for rows in in_blocks(part):
                    yield values[rows]
                    let_go(values)

        return Values(blocks, sum(part.stop - part.start for part in parts))


def split_origins(rows: int, lookback: int, horizon: int, shares: SplitShares) -> dict[str, range]:
    """Ranges of origin rows by split name.

    Raises:
        ValueError: a split would have fewer than ``MINIMUM_WINDOWS``; :func:`too_few_rows` says so to the user.
    """
    origins = _origins(rows, lookback, horizon, shares)
    if min(map(len, origins.values())) < MINIMUM_WINDOWS:
        raise ValueError(f"{rows} rows are too few for lookback {lookback} and horizon {horizon}")
    return origins


def split_panel(
    times: NDArray[np.datetime64], series: Sequence[slice], lookback: int, horizon: int, shares: SplitShares
) -> Splits:
    """Origins of every series of a panel, cut at the same dates for all.

    Args:
        times: of every row, increasing within each series.
        series: rows of each.
        lookback: rows in a window.
        horizon: rows between an origin and its label.
        shares: of the panel's distinct dates.

    A split may be left without windows; :func:`too_few_in_panel` says so to the user.
    """
    dates = distinct(times)
    cuts = dates[np.minimum(_cuts(len(dates), shares), len(dates) - 1)]
    origins = []
    for rows in series:
        validation, test = (rows.start + np.searchsorted(times[rows], cuts)).tolist()
        origins.append(_between(rows.start, validation, test, rows.stop, lookback, horizon))
    return Splits.of_series(origins, [rows.start for rows in series])


def distinct(times: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """The times that occur, ascending, each once; memory grows with those, not with the rows."""
    found = times[:0]
    for rows in in_blocks(range(len(times))):
        found = np.union1d(found, times[rows])
    return found


def too_few_in_panel(
    splits: Splits, times: NDArray[np.datetime64], series: Sequence[slice], config: PreprocessConfig
) -> str | None:
    """None if every split has windows enough, else a paragraph: how many it has, and what to lower."""
    found = {name: len(origins) for name, origins in splits.origins.items()}
    if min(found.values()) >= MINIMUM_WINDOWS:
        return None
    longest = max(rows.stop - rows.start for rows in series)
    counts = ", ".join(f"{count:,} {name}" for name, count in found.items())
    dates, horizon = len(distinct(times)), config.horizon_rows
    alone = too_few_rows(dates, config.lookback, horizon, config.split)
    needed = f" {alone.replace('the table has', 'As one series, the panel would have', 1)}" if alone else ""
    return (
        f"the panel leaves {counts} windows, but each split needs at least {MINIMUM_WINDOWS}: its {len(series):,} "
        f"entities have at most {longest:,} rows each, over {dates:,} dates, of which a window and its label take "
        f"{config.lookback + horizon}.{needed} Lower preprocess.lookback or preprocess.horizon, or give longer series."
    )


def too_few_rows(rows: int, lookback: int, horizon: int, shares: SplitShares) -> str | None:
    """None if the rows suffice, else a paragraph: how many are needed, and what to lower."""

    def suffices(count: int) -> bool:
        return min(map(len, _origins(count, lookback, horizon, shares).values())) >= MINIMUM_WINDOWS

    if suffices(rows):
        return None
    needed = _smallest(suffices, rows)
    return (
        f"the table has {rows:,} rows, but lookback {lookback}, horizon {horizon} and the splits need {needed:,}: "
        f"each of the parts of {shares.train:.0%}, {shares.validation:.0%} and {shares.test:.0%} keeps {horizon} rows "
        f"for its last label, {lookback - 1} come before the first origin, and a part needs at least "
        f"{MINIMUM_WINDOWS} origins. {_remedies(rows, lookback, horizon, shares)}"
    )


def _smallest(suffices: Callable[[int], bool], too_few: int) -> int:
    """A count of rows that suffices while one less does not, found by doubling and bisection."""
    enough = 2 * max(too_few, 1)
    while not suffices(enough):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if suffices(middle) else (middle, enough)
    return enough


def _cuts(rows: int, shares: SplitShares) -> tuple[int, int]:
    """First row of the validation part and of the test part."""
    # 0.29 * 100 is 28.999999999999996: round off the noise before flooring.
    return math.floor(round(shares.train * rows, 6)), math.floor(round((shares.train + shares.validation) * rows, 6))


def _origins(rows: int, lookback: int, horizon: int, shares: SplitShares) -> dict[str, range]:
    return _between(0, *_cuts(rows, shares), rows, lookback, horizon)


def _between(first: int, validation: int, test: int, stop: int, lookback: int, horizon: int) -> dict[str, range]:
    """Origins of one series by the first row of its train, validation and test part, and of what comes after it."""
    earliest = first + lookback - 1
    parts = ((earliest, validation), (max(validation, earliest), test), (max(test, earliest), stop))
    return {name: range(begin, end - horizon) for name, (begin, end) in zip(SPLITS, parts, strict=True)}


def _not_negative(rows: range) -> range:
    """The same rows; a series too short for any has a stop before its start."""
    return range(rows.start, max(rows.start, rows.stop))


def _remedies(rows: int, lookback: int, horizon: int, shares: SplitShares) -> str:
    validation, test = _cuts(rows, shares)
    ways = []
    longest = min(validation - (lookback - 1), test - validation, rows - test) - MINIMUM_WINDOWS
    if longest >= 1:
        named = [f"{name} = {days}" for name, days in HORIZONS.items() if days <= longest]
        example = f" (for example {named[-1]})" if named else ""
        ways.append(f"lower preprocess.horizon to at most {longest}{example}")
    window = validation - horizon - MINIMUM_WINDOWS + 1
    if window >= 1 and min(test - validation, rows - test) - horizon >= MINIMUM_WINDOWS:
        ways.append(f"lower preprocess.lookback to at most {window}")
    ways.append("give more rows")
    return f"{ways[0][0].upper()}{', or '.join(ways)[1:]}."
