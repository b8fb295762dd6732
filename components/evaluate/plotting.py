"""What the plots of an evaluation share: colours, how many points, names and axes of dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from components.evaluate.scorecard import Scorecard

TRUTH, MODEL, BASELINE = "#1c2733", "#1769c4", "#d9822b"
MOST_POINTS = 2_000
"""A line of more points draws the same picture at this size and makes the page slow to open."""


def readable(name: str) -> str:
    return name.replace("_", " ")


def with_unit(words: str, card: Scorecard) -> str:
    unit = card.preprocessing.target.unit
    return f"{words}, {unit}" if unit else words


def evenly(points: int) -> Any:
    """Indices of at most ``MOST_POINTS`` evenly spaced points, the last one among them."""
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(np.int64))


def style_dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e8ee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
