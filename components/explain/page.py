"""The explanations as one page: how far to trust them, then which features matter, then when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.explain import importance
from components.shared.report import Page, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from components.explain.explanation import Explanation

BLUE, ORANGE = "#2f6fb2", "#d9822b"

BASE_VALUES = {
    "expected_gradients": "the mean forecast over {baselines} train windows",
    "tree_shap": "the trees' own mean, each leaf weighted by the train windows that reached it",
}
METHODS = {
    "expected_gradients": "Expected gradients (Erion et al. 2021): integrated gradients averaged over the train "
    "windows, each path integrated with {nodes} Gauss-Legendre nodes.",
    "tree_shap": "TreeSHAP (Lundberg et al. 2020), exact for trees. A move belongs to the day it looks back to, a mean "
    "or deviation in equal parts to the days it is taken over.",
}


def build(explanation: Explanation, *, top: int, max_residual: float) -> Page:
    """The page of an explanation, showing the ``top`` strongest features."""
    strongest = explanation.importance[:top]
    samples, method = len(explanation.predictions), explanation.method
    page = Page("Why the model forecasts what it does")
    page.text(
        f"Residual {100 * explanation.residual:.2g} %: attributions add up to the forecasts but for that share of the "
        f"differences they explain (the stage fails above {100 * max_residual:.2g} %).",
        kind="lead",
    )
    page.text(
        f"Explained: {explanation.quantity}, in {explanation.unit}, for {samples} windows of the {method['split']} "
        f"split. Base value {explanation.base_value:.4g}: {BASE_VALUES[method['name']].format(**method)}; "
        "a feature's attribution is what it adds to that."
    )
    page.heading("Strongest features")
    page.figure(
        bars(strongest, explanation.unit),
        "Mean size of each feature's attribution over the explained windows. Blue raises the forecast on average, "
        "orange lowers it.",
    )
    page.heading("Which day of the window matters")
    page.figure(
        heat_map(explanation, [row.feature for row in strongest]),
        "Mean size of the attribution of each feature on each row of the window, darker is larger.",
    )
    page.heading("Numbers")
    page.table(
        ["feature", f"mean size ({explanation.unit})", "share %", "mean with sign"],
        {row.feature: (row.mean_abs, 100 * row.share, row.mean) for row in strongest},
    )
    rest = sum(row.share for row in explanation.importance[top:])
    if rest > 0:
        page.text(f"The other {len(explanation.importance) - top} features together: {100 * rest:.3g} %.", kind="note")
    page.text(
        f"{METHODS[method['name']].format(**method)} Attributions say what the model uses, not what causes the "
        "target; features that move together share their credit arbitrarily.",
        kind="note",
    )
    return page


def bars(rows: list[importance.Importance], unit: str) -> Figure:
    """Horizontal bars, strongest on top."""
    figure = new_figure(height=0.9 + 0.26 * len(rows))
    axes = figure.subplots()
    colours = [BLUE if row.mean >= 0 else ORANGE for row in rows]
    bars = axes.barh([row.feature for row in rows], [row.mean_abs for row in rows], color=colours, height=0.7)
    axes.bar_label(bars, [f"{row.share:.1%}" for row in rows], padding=4, fontsize=8, color="#5b6775")
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.02)
    axes.set_xlabel(f"mean |attribution| ({unit})")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def heat_map(explanation: Explanation, names: list[str]) -> Figure:
    """Feature by row of the window, oldest left."""
    rows = [explanation.features.index(name) for name in names]
    sizes = importance.by_lag(explanation.attributions)[rows]
    lookback = sizes.shape[1]
    figure = new_figure(height=1.1 + 0.24 * len(names))
    axes = figure.subplots()
    edges = np.arange(-lookback, 1) + 0.5
    # As an image, not as cells: thousands of vector cells would make the page slow to open.
    image = axes.imshow(
        sizes, aspect="auto", cmap="Blues", vmin=0, interpolation="nearest", extent=(edges[0], edges[-1], len(names), 0)
    )
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.set_xlabel("row of the window, counted from the day of the forecast")
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label=f"mean |attribution| ({explanation.unit})", pad=0.02)
    return figure
