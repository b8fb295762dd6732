"""The explanations as one page: how far to trust them, which features matter, when, at which horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import figures, shap_package
from components.shared.report import Page

if TYPE_CHECKING:
    from components.explain.config import ExplainConfig
    from components.explain.explanation import Explanation
    from components.explain.step import Explained

BASE_VALUES = {
    "expected_gradients": "the mean forecast over {baselines} train windows",
    "tree_shap": "the trees' own mean, each leaf weighted by the train windows that reached it",
    "ensemble": "the weighted mean of its members' base values",
}
METHODS = {
    "expected_gradients": "Expected gradients (Erion et al. 2021): integrated gradients averaged over the train "
    "windows, each path integrated by Gauss-Lobatto quadrature with {nodes} inner nodes or fewer.",
    "tree_shap": "TreeSHAP (Lundberg et al. 2020), exact for trees. A move belongs to the day it looks back to, a mean "
    "or deviation in equal parts to the days it is taken over.",
    "ensemble": "The weighted mean of what explains each member: {members}.",
}


def build(found: Explained, config: ExplainConfig) -> Page:
    """The page of an explanation, showing the ``config.top`` strongest features."""
    explanation = found.explanation
    names = [row.feature for row in explanation.importance[: config.top]]
    page = Page("Why the model forecasts what it does")
    _trust(page, found, config)
    page.heading("Strongest features")
    page.figure(
        figures.bars(explanation.importance[: config.top], explanation.unit),
        "Mean size of each feature's attribution over the explained windows. Red raises the forecast on average, "
        "blue lowers it.",
    )
    drawn = config.plots != "none" and shap_package.installed()
    if drawn:
        page.figure(
            shap_package.beeswarm(explanation, top=config.top),
            "Each point is a forecast: how far a feature, over all its rows, moved it. Red points were made on "
            "days when the feature was high.",
        )
    elif config.plots != "none":
        page.text(f"For a beeswarm and a waterfall: {shap_package.INSTALL}", kind="note")
    if config.groups:
        _groups(page, explanation.grouped(config.groups))
    page.heading("Which day of the window matters")
    page.figure(
        figures.time_by_feature(explanation, names),
        "Mean size of the attribution of each feature on each row, darker is larger."
        + (" Right of the dashed line: rows ahead, whose values were known." if explanation.rows[-1] > 0 else ""),
    )
    if len(explanation.steps) > 1:
        page.heading("Near and far horizons")
        page.figure(
            figures.feature_by_horizon(explanation, names),
            "Mean size of each feature's part in the forecast of each step of the path.",
        )
    if len(set(explanation.entities)) > 1:
        page.heading("Series by series")
        page.figure(
            figures.feature_by_entity(explanation, names),
            "Mean size of each feature's part in the forecasts of each series.",
        )
    _latest(page, explanation, names, drawn=drawn)
    _numbers(page, explanation, config.top)
    return page


def _trust(page: Page, found: Explained, config: ExplainConfig) -> None:
    explanation, method = found.explanation, found.explanation.method
    page.text(
        f"Residual {100 * explanation.residual:.2g} %: attributions add up to the forecasts but for that share of the "
        f"differences they explain (the stage fails above {100 * config.max_residual:.2g} %).",
        kind="lead",
    )
    if found.sanity is not None:
        page.text(_sanity_words(found.sanity.similarity, found.sanity.shuffles))
    if (agreement := found.agreement) is not None:
        page.text(
            f"Against permutation Shapley values of {agreement.samples} windows: correlation "
            f"{agreement.correlation:.3f}; their own noise is {agreement.noise:.1%} of their size."
        )
    page.text(
        f"Explained: {explanation.quantity}, in {explanation.unit}, for {len(explanation.predictions)} windows "
        f"of the {method['split']} split. Base value {explanation.base_values[-1]:.4g}: "
        f"{BASE_VALUES[method['name']].format(**method)}; a feature's attribution is what it adds to that."
    )


def _sanity_words(similarity: float, shuffles: int) -> str:
    if np.isnan(similarity):
        return "Checked against the model with shuffled weights: no verdict, because one of them hardly moves."
    tries = "1 shuffle" if shuffles == 1 else f"{shuffles} shuffles"
    return (
        "Checked against the model with shuffled weights (Adebayo et al. 2018): absolute cosine "
        f"{similarity:.2f} between both attributions after {tries}; near 1 they would say nothing about the model."
    )


def _groups(page: Page, grouped: Explanation) -> None:
    page.heading("Groups of features")
    page.figure(
        figures.bars(grouped.importance, grouped.unit),
        "Features of a group added up first, so that what pulls in opposite directions within it cancels.",
    )


def _latest(page: Page, explanation: Explanation, names: list[str], *, drawn: bool) -> None:
    """The newest of the explained forecasts, by itself."""
    sample = int(np.argmax(explanation.origins))
    day = str(explanation.origins[sample])[:10]
    series = f" of {explanation.entities[sample]}" if explanation.entities else ""
    page.heading(f"One forecast: {day}{series}")
    if drawn:
        page.figure(
            shap_package.waterfall(explanation, sample, top=min(len(names), 12)),
            f"From the base value, below, to the forecast{series} made on {day}, above; beside the names their values.",
        )
    page.figure(
        figures.one_forecast(explanation, sample, names),
        "The same forecast day by day: red raised it, blue lowered it.",
    )


def _numbers(page: Page, explanation: Explanation, top: int) -> None:
    strongest, rest = explanation.importance[:top], explanation.importance[top:]
    page.heading("Numbers")
    page.table(
        ["feature", f"mean size ({explanation.unit})", "share %", "mean with sign"],
        {row.feature: (row.mean_abs, 100 * row.share, row.mean) for row in strongest},
    )
    share = sum(row.share for row in rest)
    if share > 0:
        page.text(f"The other {len(rest)} features together: {100 * share:.3g} %.", kind="note")
    page.text(
        f"{_method_words(explanation.method)} Attributions say what the model uses, not what causes the target; "
        "features that move together share their credit arbitrarily.",
        kind="note",
    )


def _method_words(method: dict[str, Any]) -> str:
    members = ", ".join(
        f"{name} by {facts['name'].replace('_', ' ')}" for name, facts in method.get("members", {}).items()
    )
    return METHODS[method["name"]].format(**{**method, "members": members})
