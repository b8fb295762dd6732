"""Which rows may be a forecast origin of which split: in time order, with an embargo of ``horizon`` rows between.

Rows ``lookback - 1 .. rows - 1 - horizon`` are usable: they have a full window behind and a label ahead. A label looks
``horizon`` rows ahead, so a gap of ``horizon`` rows after a split keeps each of its labels before the first origin of
the next one (purging and embargo: Lopez de Prado, Advances in Financial Machine Learning, 2018, section 7.4).
"""

from __future__ import annotations

import itertools
import math

from components.preprocess.config import SplitShares
from components.shared.preprocessing import HORIZONS, SPLITS

MINIMUM_WINDOWS = 8
"""Fewest windows of a split: below this neither a fitted scale nor a score says anything."""

GAPS = len(SPLITS) - 1


def split_origins(rows: int, lookback: int, horizon: int, shares: SplitShares) -> dict[str, range]:
    """Ranges of origin rows by split name. Every usable row is in one of them, but for two gaps of ``horizon`` rows.

    Raises:
        ValueError: a split would have fewer than ``MINIMUM_WINDOWS``; :func:`too_few_rows` says so to the user.
    """
    counts = _counts(origins_kept(rows, lookback, horizon), shares)
    if min(counts) < MINIMUM_WINDOWS:
        raise ValueError(f"{rows} rows are too few for lookback {lookback} and horizon {horizon}")
    origins: dict[str, range] = {}
    first = lookback - 1
    for split, count in zip(SPLITS, counts, strict=True):
        origins[split] = range(first, first + count)
        first += count + horizon
    return origins


def origins_kept(rows: int, lookback: int, horizon: int) -> int:
    """Usable origins less the gaps; zero or negative when there is no room."""
    return rows - (lookback - 1) - horizon - GAPS * horizon


def too_few_rows(rows: int, lookback: int, horizon: int, shares: SplitShares) -> str | None:
    """None if the rows suffice, else a paragraph: how many are needed, and what to lower."""
    kept = origins_kept(rows, lookback, horizon)
    if min(_counts(kept, shares)) >= MINIMUM_WINDOWS:
        return None
    enough = next(count for count in itertools.count() if min(_counts(count, shares)) >= MINIMUM_WINDOWS)
    needed = rows + enough - kept
    remedies = _remedies(rows, lookback, horizon, enough)
    return (
        f"the table has {rows:,} rows, but lookback {lookback}, horizon {horizon} and the splits need {needed:,}: "
        f"{lookback - 1} before the first origin, {horizon} after the last, two gaps of {horizon} between the splits, "
        f"and {enough} origins so that each split has at least {MINIMUM_WINDOWS}. " + remedies
    )


def _counts(kept: int, shares: SplitShares) -> list[int]:
    # 0.15 * 100 is 15.000000000000002 and 0.29 * 100 is 28.999999999999996: round off the noise before flooring.
    train = math.floor(round(shares.train * kept, 6))
    validation = math.floor(round(shares.validation * kept, 6))
    return [train, validation, kept - train - validation]


def _remedies(rows: int, lookback: int, horizon: int, enough: int) -> str:
    ways = []
    longest = (rows - (lookback - 1) - enough) // (GAPS + 1)
    if longest >= 1:
        named = [f"{name} = {days}" for name, days in HORIZONS.items() if days <= longest]
        example = f" (for example {named[-1]})" if named else ""
        ways.append(f"lower preprocess.horizon to at most {longest}{example}")
    window = lookback - 1 + origins_kept(rows, lookback, horizon) - enough + 1
    if window >= 1:
        ways.append(f"lower preprocess.lookback to at most {window}")
    ways.append("give more rows")
    return f"{ways[0][0].upper()}{', or '.join(ways)[1:]}."
