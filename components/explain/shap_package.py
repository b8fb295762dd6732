"""The bridge to the shap package, an optional extra: its ``Explanation`` objects and its plots, as figures for a page.

Its authors' beeswarm and waterfall (Lundberg et al. 2020) are what readers know; drawing them again would only differ.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from components.shared.errors import InputError

if TYPE_CHECKING:
    import shap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from components.explain.explanation import Explanation

INSTALL = "pip install 'tandem-pipelines[explain]'"


def installed() -> bool:
    """Whether the package is there, without importing it."""
    return importlib.util.find_spec("shap") is not None


def explanation(source: Explanation, *, step: int | None = None, over: str | None = "time") -> shap.Explanation:
    """See :meth:`components.explain.explanation.Explanation.shap`."""
    if over not in (None, "time", "feature"):
        raise InputError(f"over: expected time, feature or None, got {over!r}")
    if not installed():
        raise InputError(f"shap is not installed: {INSTALL}")
    import shap

    place = source.place(step)
    values = np.asarray(source.attributions[..., place], dtype=np.float64)
    data: NDArray[np.float64] | None = np.asarray(source.inputs, dtype=np.float64)
    names = list(source.features)
    if over == "time":
        values, data = values.sum(axis=1), np.asarray(source.inputs[:, source.rows.index(0)], dtype=np.float64)
    elif over == "feature":
        values, data, names = values.sum(axis=2), None, [f"{row:+d}" for row in source.rows]
    base_values = np.full(len(values), source.base_values[place])
    return shap.Explanation(
        values, base_values=base_values, data=data, feature_names=names, output_names=source.quantity
    )


def beeswarm(source: Explanation, *, step: int | None = None, top: int = 15) -> Figure:
    """Each point a forecast: how far a feature moved it, coloured by the feature's value on the day of the forecast."""
    found = explanation(source, step=step)
    with _drawing(height=1.4 + 0.34 * max(6, min(top + 1, len(source.features)))) as figure:
        import shap

        shap.plots.beeswarm(
            found, max_display=top + 1, show=False, plot_size=None, group_remaining_features=True,
            color_bar_label="value on the day of the forecast",
        )  # fmt: skip
        figure.axes[0].set_xlabel(f"attribution ({source.unit})", fontsize=10)
        figure.axes[0].tick_params(labelsize=9)
    return figure


def waterfall(source: Explanation, sample: int, *, step: int | None = None, top: int = 12) -> Figure:
    """From the base value to one forecast, feature by feature, strongest last."""
    found = explanation(source, step=step)
    with _drawing(height=1.4 + 0.36 * min(top, len(source.features))) as figure:
        import shap

        shap.plots.waterfall(found[sample], max_display=top, show=False)
        figure.axes[0].tick_params(labelsize=9)
        unit = "" if source.unit in source.quantity else f" ({source.unit})"
        figure.axes[0].set_xlabel(source.quantity + unit, fontsize=10, labelpad=14)
    return figure


@contextmanager
def _drawing(height: float, width: float = 8.5) -> Iterator[Figure]:
    """A figure that shap draws on, which is pyplot's current one; whatever pyplot showed before stays as it was."""
    fresh = "matplotlib.pyplot" not in sys.modules
    import matplotlib

    if fresh:
        # A stage has no screen; asking for one could start a window system.
        matplotlib.use("agg")
    import matplotlib.pyplot as plt

    before, drawn = matplotlib.get_backend(), np.random.get_state()
    plt.switch_backend("agg")
    np.random.seed(0)  # shap scatters its points by NumPy's global generator
    figure = plt.figure(figsize=(width, height))
    try:
        with warnings.catch_warnings(), matplotlib.rc_context({"font.size": 9}):
            warnings.simplefilter("ignore", FutureWarning)  # NumPy's generator, which shap still seeds globally
            yield figure
        figure.set_size_inches(width, height)
    finally:
        plt.close(figure)
        plt.switch_backend(before)
        np.random.set_state(drawn)
