"""Columns that follow from others: computed again after a shock, by five kinds of definition and never from text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from components.scenario.config import Change, Pair, Product, Rolling, WeightedSum
from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.config import Derived
    from components.scenario.history import Columns, Frame

TOLERANCE = 1e-5
"""Largest relative difference between a column and its definition that still counts as equal: float32 tables differ."""
AGREE = 0.9
"""Share of rows in which a column must equal its definition; the others may have been missing and filled."""


def sources(definition: Derived) -> list[str]:
    """Columns that a definition reads."""
    return [definition.of] if isinstance(definition.of, str) else list(definition.of)


def compute(definition: Derived, columns: Columns) -> NDArray[np.float64]:
    """Values of a definition from columns of shape (rows,); NaN where rows before the first would be needed."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if isinstance(definition, WeightedSum):
            return np.asarray(sum(weight * columns[name] for name, weight in definition.of.items()))
        if isinstance(definition, Product):
            return np.asarray(np.prod([columns[name] for name in definition.of], axis=0))
        if isinstance(definition, Pair):
            first, second = (columns[name] for name in definition.of)
            return np.asarray(first - second if definition.kind == "difference" else first / second)
        if isinstance(definition, Change):
            return _change(definition, columns[definition.of])
        return _rolling(definition, columns[definition.of])


def recompute(frame: Frame, changed: Columns, definitions: Sequence[Derived]) -> Columns:
    """Values of derived columns after a shock, where they differ from those before it.

    Only what moves is replaced: a row whose sources are as they were keeps its value to the last digit.

    Args:
        frame: rows before the shock.
        changed: columns that shocks have changed.
        definitions: in the order in which they are to be computed.

    Returns:
        Each defined column that moved, and also what is no column of the table but read by later definitions.

    Raises:
        InputError: a definition does not give what the table holds, before any shock.
    """
    before, after = dict(frame.columns), {**frame.columns, **changed}
    found: Columns = {}
    problems = []
    for definition in definitions:
        was, now = compute(definition, before), compute(definition, after)
        held = frame.columns.get(definition.name)
        if held is not None:
            problems += _disagreement(definition, was, held, frame)
        same = (was == now) | (np.isnan(was) & np.isnan(now))
        before[definition.name] = was if held is None else held
        after[definition.name] = np.where(same, before[definition.name], now)
        if not same.all():
            found[definition.name] = after[definition.name]
    if problems:
        raise InputError(problems, heading="derived columns do not follow from the columns they are said to:")
    return found


def _disagreement(
    definition: Derived, computed: NDArray[np.float64], held: NDArray[np.float64], frame: Frame
) -> list[str]:
    looked_at = ~np.isnan(computed) & ~np.isnan(held) & (frame.rows <= 0)
    if not looked_at.any():
        return []
    difference = np.abs(computed - held) > TOLERANCE * np.maximum(np.abs(held), 1e-9)
    if difference[looked_at].mean() <= 1 - AGREE:
        return []
    row = int(np.flatnonzero(difference & looked_at)[-1])
    return [
        f"{definition.name}: the {definition.kind} of {', '.join(sources(definition))} is {computed[row]:.6g} on "
        f"{str(frame.times[row])[:10]}, where the table has {held[row]:.6g}"
    ]


def _change(definition: Change, values: NDArray[np.float64]) -> NDArray[np.float64]:
    earlier = np.concatenate([np.full(min(definition.rows, len(values)), np.nan), values[: -definition.rows]])
    how: dict[str, Callable[[], NDArray[np.float64]]] = {
        "change": lambda: values - earlier,
        "percent_change": lambda: values / earlier - 1,
        "log_return": lambda: np.log(values / earlier),
    }
    return np.asarray(how[definition.kind]())


def _rolling(definition: Rolling, values: NDArray[np.float64]) -> NDArray[np.float64]:
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]] = {
        "rolling_mean": lambda windows: windows.mean(axis=1),
        "rolling_std": lambda windows: windows.std(axis=1, ddof=1),
        "rolling_min": lambda windows: windows.min(axis=1),
        "rolling_max": lambda windows: windows.max(axis=1),
    }[definition.kind]
    if len(values) < definition.rows:
        return np.full(len(values), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(values, definition.rows)
    return np.concatenate([np.full(definition.rows - 1, np.nan), statistic(windows)])
