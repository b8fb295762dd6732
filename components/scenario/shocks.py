"""Apply shocks to the columns of a frame, in order: which rows, how strongly, and to what values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from components.scenario.config import Condition, Decay, Level, Permitted, Pulse, Ramp, Replacement
from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.config import Shape, Shock
    from components.scenario.history import Columns, Frame

_COMPARE = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names that a pattern matches, in the order of ``names``; ``*`` and ``?`` stand for any letters, case counts.

    Example:
        >>> matching(["SM_*"], ["S_price1", "SM_price1", "SM_oi1"])
        ['SM_price1', 'SM_oi1']
    """
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def weights(shape: Shape, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of a shock is there in each row, 0 to 1.

    Args:
        shape: step, ramp, pulse or decay.
        rows: numbers of the rows counted from the origin, any shape.

    Example:
        >>> from components.scenario.config import Ramp
        >>> weights(Ramp(kind="ramp", start=-1, rows=4), np.arange(-2, 4)).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    since = rows - shape.start
    if isinstance(shape, Ramp):
        return np.clip((since + 1) / shape.rows, 0.0, 1.0)
    if isinstance(shape, Pulse):
        return ((since >= 0) & (since < shape.rows)).astype(np.float64)
    if isinstance(shape, Decay):
        return np.where(since >= 0, 0.5 ** (np.maximum(since, 0) / shape.half_life), 0.0)
    return (since >= 0).astype(np.float64)


def apply(
    frame: Frame,
    shocks: Sequence[Shock],
    names: Sequence[str],
    sigmas: Mapping[str, Mapping[str, float]],
    already: Columns,
) -> Columns:
    """The columns that shocks change, each as they leave it; those of the frame stay as they are.

    Args:
        frame: rows to start from.
        shocks: applied in this order; conditions of each see what those before it did.
        names: features that may be changed, which patterns are matched with.
        sigmas: size of one ``sigma`` and of one ``sigma_change`` of each feature, in its own unit.
        already: columns that were changed before these shocks; part of what is returned.
    """
    changed = dict(already)
    with np.errstate(over="ignore", invalid="ignore"):
        for shock in shocks:
            holds = _where(shock.when, frame, changed)
            # All features of one shock see the rows as they were before it, whatever their order.
            changed |= {
                name: _shocked(shock, frame.rows, changed.get(name, frame.columns[name]), holds, sigmas, name)
                for name in matching(shock.features, names)
            }
    return changed


def cut(frame: Frame, changed: Columns, permitted: Mapping[str, Permitted]) -> tuple[Columns, dict[str, int]]:
    """Bring changed values back into what is permitted; also how many were cut, by feature.

    What lies beyond before any shock is not the scenario's doing, and stays.
    """
    kept, counts = dict(changed), {}
    for name in changed.keys() & permitted.keys():
        values, limits = changed[name], permitted[name]
        low = -np.inf if limits.min is None else limits.min
        high = np.inf if limits.max is None else limits.max
        beyond = (values != frame.columns[name]) & ((values < low) | (values > high))
        if beyond.any():
            kept[name] = np.where(beyond, np.clip(values, low, high), values)
            counts[name] = int(beyond.sum())
    return kept, counts


def _shocked(
    shock: Shock,
    rows: NDArray[np.int64],
    values: NDArray[np.float64],
    holds: NDArray[np.bool_],
    sigmas: Mapping[str, Mapping[str, float]],
    name: str,
) -> NDArray[np.float64]:
    """One feature after one shock."""
    if isinstance(shock, Replacement):
        start = shock.start if shock.start is not None else 1 - len(shock.values)
        which = rows - start
        inside = (which >= 0) & (which < len(shock.values)) & holds
        return np.where(inside, np.asarray(shock.values)[np.clip(which, 0, len(shock.values) - 1)], values)
    weight = weights(shock.shape, rows) * holds
    if isinstance(shock, Level):
        return values + weight * (shock.value - values)
    if shock.kind == "percent":
        return np.asarray(values * (1 + weight * shock.amount / 100))
    size = 1.0 if shock.kind == "add" else sigmas[shock.kind][name]
    return np.asarray(values + weight * shock.amount * size)


def _where(conditions: Sequence[Condition], frame: Frame, changed: Columns) -> NDArray[np.bool_]:
    """Rows in which all conditions hold; a value that is missing fulfils none."""
    holds = np.ones(len(frame.times), dtype=np.bool_)
    for condition in conditions:
        if isinstance(condition.value, str):
            holds &= _COMPARE[condition.op](frame.times, np.datetime64(condition.value))
        else:
            values = changed.get(condition.column, frame.columns[condition.column])
            holds &= _COMPARE[condition.op](values, condition.value) & ~np.isnan(values)
    return holds


def check_finite(frame: Frame, changed: Columns, first: int, largest: float) -> None:
    """Refuse values beyond ``largest`` in size, and undefined ones, in rows from position ``first`` on.

    Raises:
        InputError: naming every such column.
    """
    wrong = []
    for name, values in changed.items():
        known = ~np.isnan(frame.columns[name][first:])
        if not (np.abs(values[first:][known]) <= largest).all():
            wrong.append(name)
    if wrong:
        raise InputError(f"the scenario makes values of {', '.join(wrong)} infinite, too large or undefined")
