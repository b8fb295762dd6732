"""Which rows may be a forecast origin of which split: in time order, with an embargo of ``horizon`` rows between.

The rows are cut by share, at the same dates for every horizon, so that forecasters of all horizons are tested on one
stretch of time. An origin has a full window behind it and its label inside its own part, hence the last ``horizon``
rows of a part are no origins: no label reaches the next part (purging and embargo: Lopez de Prado, Advances in
Financial Machine Learning, 2018, section 7.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from components.preprocess.config import SplitShares
from components.shared.preprocessing import HORIZONS, SPLITS

MINIMUM_WINDOWS = 8
"""Fewest windows of a split: below this neither a fitted scale nor a score says anything."""


def split_origins(rows: int, lookback: int, horizon: int, shares: SplitShares) -> dict[str, range]:
    """Ranges of origin rows by split name.

    Raises:
        ValueError: a split would have fewer than ``MINIMUM_WINDOWS``; :func:`too_few_rows` says so to the user.
    """
    origins = _origins(rows, lookback, horizon, shares)
    if min(map(len, origins.values())) < MINIMUM_WINDOWS:
        raise ValueError(f"{rows} rows are too few for lookback {lookback} and horizon {horizon}")
    return origins


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
    validation, test = _cuts(rows, shares)
    parts = ((lookback - 1, validation), (max(validation, lookback - 1), test), (max(test, lookback - 1), rows))
    return {name: range(first, end - horizon) for name, (first, end) in zip(SPLITS, parts, strict=True)}


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
