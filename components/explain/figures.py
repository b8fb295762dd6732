"""Figures of an explanation that the shap package has none of: time by feature, feature by horizon, by entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import importance
from components.shared.report import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from components.explain.explanation import Explanation

RAISES, LOWERS, GREY = "#ff0051", "#008bfb", "#5b6775"
"""The colours of the shap package, so that one page has one meaning of red."""


def bars(rows: list[importance.Importance], unit: str) -> Figure:
    """Horizontal bars, strongest on top."""
    figure = new_figure(height=0.9 + 0.26 * len(rows))
    axes = figure.subplots()
    colours = [RAISES if row.mean >= 0 else LOWERS for row in rows]
    bars = axes.barh([row.feature for row in rows], [row.mean_abs for row in rows], color=colours, height=0.7)
    axes.bar_label(bars, [f"{row.share:.1%}" for row in rows], padding=4, fontsize=8, color=GREY)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.02)
    axes.set_xlabel(f"mean |attribution| ({unit})")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def time_by_feature(explanation: Explanation, names: Sequence[str]) -> Figure:
    """Mean size over all samples, feature by row, oldest left."""
    sizes = importance.by_row(explanation.attributions)[_places(explanation, names)]
    return _over_time(
        sizes, names, explanation, cmap="Blues", low=0.0, high=float(sizes.max()), label="mean |attribution|"
    )


def one_forecast(explanation: Explanation, sample: int, names: Sequence[str], *, step: int | None = None) -> Figure:
    """Attributions of one forecast with their signs, feature by row."""
    place = explanation.place(step)
    parts = np.asarray(explanation.attributions[sample, :, :, place]).T[_places(explanation, names)]
    most = float(np.abs(parts).max()) or 1.0
    return _over_time(parts, names, explanation, cmap="RdBu_r", low=-most, high=most, label="attribution")


def feature_by_horizon(explanation: Explanation, names: Sequence[str]) -> Figure:
    """Mean size of each feature's part in the forecast of each step."""
    sizes = importance.by_step(explanation.attributions)[_places(explanation, names)]
    figure, axes = _grid(sizes, names, [str(step) for step in explanation.steps], explanation.unit)
    axes.set_xlabel("rows ahead that are forecast")
    return figure


def feature_by_entity(explanation: Explanation, names: Sequence[str]) -> Figure:
    """Mean size of each feature's part in the forecasts of each series of a panel."""
    entities, sizes = importance.by_entity(explanation.attributions, explanation.entities)
    figure, axes = _grid(sizes[_places(explanation, names)], names, entities, explanation.unit)
    axes.tick_params(axis="x", rotation=30 if len(entities) > 4 else 0)
    return figure


def _places(explanation: Explanation, names: Sequence[str]) -> list[int]:
    return [explanation.features.index(name) for name in names]


def _over_time(
    sizes: NDArray[Any],
    names: Sequence[str],
    explanation: Explanation,
    *,
    cmap: str,
    low: float,
    high: float,
    label: str,
) -> Figure:
    figure = new_figure(height=1.1 + 0.24 * max(len(names), 6))
    axes = figure.subplots()
    first, last = explanation.rows[0] - 0.5, explanation.rows[-1] + 0.5
    # As an image, not as cells: thousands of vector cells would make the page slow to open.
    image = axes.imshow(
        sizes, aspect="auto", cmap=cmap, vmin=low, vmax=high or 1.0, interpolation="nearest",
        extent=(first, last, len(names), 0),
    )  # fmt: skip
    if explanation.rows[-1] > 0:
        axes.axvline(0.5, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xlabel("row, counted from the day of the forecast")
    _finish(figure, axes, image, names, f"{label} ({explanation.unit})")
    return figure


def _grid(sizes: NDArray[Any], names: Sequence[str], columns: Sequence[str], unit: str) -> tuple[Figure, Axes]:
    figure = new_figure(height=1.1 + 0.24 * max(len(names), 6))
    axes = figure.subplots()
    image = axes.imshow(
        sizes, aspect="auto", cmap="Blues", vmin=0, vmax=float(sizes.max()) or 1.0, interpolation="nearest",
        extent=(0, len(columns), len(names), 0),
    )  # fmt: skip
    shown = np.unique(np.linspace(0, len(columns) - 1, min(len(columns), 16)).round().astype(int))
    axes.set_xticks(shown + 0.5, [columns[place] for place in shown])
    _finish(figure, axes, image, names, f"mean |attribution| ({unit})")
    return figure, axes


def _finish(figure: Figure, axes: Axes, image: Any, names: Sequence[str], label: str) -> None:
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label=label, pad=0.02)
