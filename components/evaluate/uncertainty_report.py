"""The part of the evaluation page that says how sure forecasts are: calibration before and after, and the fan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.plotting import MODEL, TRUTH, evenly, readable, style_dates, with_unit
from components.evaluate.probabilistic import LEVELS, SHARES
from components.evaluate.uncertainty import RAW
from components.shared.report import Page, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from components.evaluate.scorecard import Scorecard
    from components.evaluate.uncertainty import Judged, Uncertainty

COLOURS = {RAW: "#9aa5b1", "split": "#d9822b", "cqr": "#7b4fb5", "adaptive": "#1769c4"}

SOURCES = {
    "quantiles": "its own quantiles",
    "gaussian": "its own mean and deviation",
    "mc_dropout": "Monte Carlo dropout",
    "none": "",
}

METHODS = {
    "split": "split conformal: the size of errors on validation",
    "cqr": "conformalised quantiles: its own bands, moved by how far validation outcomes lay outside",
    "adaptive": "adaptive conformal: errors known so far in units of volatility, corrected after every outcome",
}

TRUSTED = 10
"""Independent forecasts below which a counted coverage says next to nothing."""


def add_uncertainty(page: Page, card: Scorecard, found: Uncertainty) -> None:
    """Add the sections on bands to an evaluation's page."""
    page.heading("How sure is the forecast?")
    page.text(_verdict(card, found), kind="lead")
    header = ["bands of " + readable(card.model), *(f"holds {share:.0%}" for share in SHARES)]
    page.table([*header, "width 90%", "Winkler 90%", "CRPS"], stage_rows(found), strong=[_named(found, found.method)])
    page.text(_about_stages(card, found), kind="note")
    page.figure(
        plot_reliability(found),
        "How often intervals held the truth against how often they should, before and after calibration. On the "
        "diagonal a band keeps its promise; below it the forecast is surer than it may be.",
    )
    page.heading("The forecast with its bands")
    page.figure(
        plot_fan(card, found),
        f"{found.method} intervals of 50 % and 90 % around {card.model}, and what came true; each is for its own day, "
        f"as forecast {card.preprocessing.horizon} rows before.",
    )
    page.heading("Bands of every forecaster")
    page.table(["", *header[1:], "width 90%", "Winkler 90%", "CRPS"], forecaster_rows(found), strong=[card.model])
    page.text(
        "All by the same method on the same windows. CRPS is the absolute error of a forecast that says how sure it is "
        "(Gneiting and Raftery 2007), Winkler the width plus a fine for every miss: lower is better for both.",
        kind="note",
    )
    if found.steps:
        page.heading("Bands along the path")
        page.table(["rows ahead", *header[1:], "width 90%", "Winkler 90%", "CRPS"], step_rows(found))


def _verdict(card: Scorecard, found: Uncertainty) -> str:
    """One sentence: what the 90 % band held, and how much that means."""
    coverage = found.bands[card.model].interval(0.9).coverage
    low, high = found.range_of(coverage)
    before = found.stages.get(RAW)
    was = f", {before.interval(0.9).coverage:.0%} before calibration" if before else ""
    words = (
        f"The 90 % band held {coverage:.1%} of outcomes{was}. "
        f"{len(card.holdout.rows):,} windows {card.preprocessing.horizon} rows ahead are worth about "
        f"{found.effective:.1f} independent ones, so the true share lies between "
        f"{low:.0%} and {high:.0%} (95 % confidence)"
    )
    return f"{words}: too few to judge the bands by." if found.effective < TRUSTED else f"{words}."


def _named(found: Uncertainty, stage: str) -> str:
    return f"raw: {SOURCES[found.source]}" if stage == RAW else stage


def _about_stages(card: Scorecard, found: Uncertainty) -> str:
    parts = [f"{name} is {METHODS[name]}" for name in found.stages if name != RAW]
    source = f"Raw is what {card.model} says itself, by {SOURCES[found.source]}. " if RAW in found.stages else ""
    return f"{source}{'; '.join(parts)}. The table of forecasts holds the bands by {found.method}."


def _cells(judged: Judged) -> list[object]:
    ninety = judged.interval(0.9)
    shares = [f"{interval.coverage:.1%}" for interval in judged.intervals]
    return [*shares, ninety.width, ninety.winkler, judged.crps]


def stage_rows(found: Uncertainty) -> dict[str, list[object]]:
    """Cells of the model's bands by calibration method, uncalibrated first."""
    return {_named(found, name): _cells(judged) for name, judged in found.stages.items()}


def forecaster_rows(found: Uncertainty) -> dict[str, list[object]]:
    """Cells of every forecaster's bands by the chosen method."""
    return {readable(name): _cells(judged) for name, judged in found.bands.items()}


def step_rows(found: Uncertainty) -> dict[str, list[object]]:
    """Cells of the model's bands by step of its path."""
    return {str(step): _cells(judged) for step, judged in found.steps.items()}


def plot_reliability(found: Uncertainty) -> Figure:
    """Share of outcomes within central intervals against the share they promise, a line a calibration method."""
    figure = new_figure(width=5.2, height=4.4)
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color="#5b6775", linewidth=0.8, linestyle="--")
    promised = 1 - 2 * LEVELS[LEVELS < 0.5]
    for name, judged in found.stages.items():
        held = [100 * share for share in judged.held]
        width = 2.0 if name == found.method else 1.2
        axes.plot(100 * promised, held, color=COLOURS[name], linewidth=width, marker=".", label=_named(found, name))
    axes.set_xlabel("promised, %")
    axes.set_ylabel("held, %")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e8ee", linewidth=0.8)
    return figure


def plot_fan(card: Scorecard, found: Uncertainty) -> Figure:
    """Truth and the model's 50 % and 90 % intervals by the day they are about."""
    judged, daily = found.bands[card.model], card.holdout.daily
    figure = new_figure(width=9.6, height=3.8)
    axes = figure.add_subplot()
    picked = evenly(len(card.holdout.truth_days))
    days = card.holdout.truth_days[picked]
    for share, alpha in ((0.9, 0.15), (0.5, 0.25)):
        lower, upper = (daily(values)[picked] for values in judged.band(share))
        axes.fill_between(days, lower, upper, color=MODEL, alpha=alpha, linewidth=0, label=f"{share:.0%}")
    axes.plot(days, daily(card.forecasts[card.model])[picked], color=MODEL, linewidth=1.2, label=card.model)
    axes.plot(days, daily(card.holdout.truth)[picked], color=TRUTH, linewidth=1.3, label="truth")
    low, high = _view(card, judged)
    axes.set_ylim(low, high)
    axes.set_ylabel(with_unit(card.preprocessing.target.name, card))
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    style_dates(axes)
    return figure


def _view(card: Scorecard, judged: Judged) -> tuple[float, float]:
    """Limits that show truth and forecast whole, and of the bands what lies within a range's length of them."""
    seen = np.concatenate([card.holdout.truth, card.forecasts[card.model]])
    lower, upper = judged.band(0.9)
    length = float(np.ptp(seen)) or 1.0
    return max(float(lower.min()), float(seen.min()) - length), min(float(upper.max()), float(seen.max()) + length)
