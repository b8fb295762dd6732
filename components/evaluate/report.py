"""The page of an evaluation: verdict, table, forecast against truth, and when the model was the better one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.baselines import PHRASES
from components.evaluate.entity_report import add_entities
from components.evaluate.metrics import IN_TARGET_UNITS, LABELS, PERCENT
from components.evaluate.overlap import effective_windows
from components.evaluate.plotting import BASELINE, MODEL, TRUTH, evenly, readable, style_dates, with_unit
from components.evaluate.scorecard import Scorecard
from components.evaluate.uncertainty_report import add_uncertainty
from components.shared.report import Page, new_figure, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def build_page(card: Scorecard) -> Page:
    """Lay out the report of one scorecard."""
    target, best = card.preprocessing.target.name, PHRASES[card.verdict.best_baseline]
    page = Page(f"{card.model}: {target}, {_horizon(card)} ahead")
    page.text(card.verdict.sentence + ".", kind="lead")
    page.text(_scope(card), kind="note")
    page.heading("Metrics on the hold-out")
    page.table(_header(), metric_rows(card), strong=[readable(card.model)])
    page.text(_legend(card), kind="note")
    for name, reason in card.absent.items():
        page.text(f"{readable(name)} is absent: {reason}.", kind="note")
    if card.weights:
        page.text(_recipe(card), kind="note")
    add_entities(page, card)
    if card.tests:
        page.heading("Is the difference more than luck?")
        page.table(
            ["against", "mean difference", "95 % interval", "p", "degrees of freedom", "p (HLN)"], test_rows(card)
        )
        page.text(_about_tests(card), kind="note")
    page.heading("Forecast against truth")
    page.figure(
        plot_forecasts(card),
        f"What came true on each day, and what {card.model} and {best} had forecast for it "
        f"{card.preprocessing.horizon} rows before.",
    )
    page.heading(f"When {card.model} was closer than {best}")
    page.figure(
        plot_advantage(card),
        f"Absolute error of {best} minus that of {card.model}, averaged over the forecasts so far: "
        f"above zero {card.model} has been closer.",
    )
    _add_parts(page, card)
    if card.uncertainty is not None:
        add_uncertainty(page, card, card.uncertainty)
    return page


def _horizon(card: Scorecard) -> str:
    name = card.preprocessing.horizon_name
    return f"{name} row{'' if name == '1' else 's'}" if name.isdecimal() else name


def _add_parts(page: Page, card: Scorecard) -> None:
    """Errors by stretch of time, and by what the times were like."""
    if card.folds:
        names = list(card.folds[0].rmse)
        page.heading("RMSE by stretch of the hold-out")
        rows = {
            f"{fold.first_date} to {fold.last_date}": [fold.windows, *(fold.rmse.get(name) for name in names)]
            for fold in card.folds
        }
        page.table(["forecasts made", "windows", *map(readable, names)], rows)
        page.text("Baselines are fitted again before each stretch, on outcomes known by then.", kind="note")
    if card.regimes:
        names = list(next(iter(card.regimes.values())).rmse)
        page.heading("RMSE by what the times were like")
        cells = {
            name: [
                regime.windows,
                *(regime.rmse[who] for who in names),
                None if regime.coverage_90 is None else f"{regime.coverage_90:.1%}",
            ]
            for name, regime in card.regimes.items()
        }
        page.table(["forecasts made in", "windows", *map(readable, names), "90% band held"], cells)
        page.text(
            f"Thirds by volatility at the origin; a rise or fall over the {card.preprocessing.horizon} rows before it.",
            kind="note",
        )


def _recipe(card: Scorecard) -> str:
    parts = ", ".join(f"{readable(name)} {weight:.2f}" for name, weight in card.weights.items())
    return f"The {card.model} is the weighted mean of its members: {parts}. Weights were found on validation windows."


def test_rows(card: Scorecard) -> dict[str, list[object]]:
    """Cells of the paired tests by forecaster."""
    return {
        readable(name): [
            test.difference,
            f"{show(test.bootstrap.low)} to {show(test.bootstrap.high)}" if test.bootstrap else None,
            test.p_value,
            test.freedom or None,
            test.harvey_p_value,
        ]
        for name, test in card.tests.items()
    }


def _about_tests(card: Scorecard) -> str:
    loss = next(iter(card.tests.values())).loss
    words = (
        f"Mean {loss} of {card.model} less that of the other, on the same windows: below zero {card.model} is closer. "
        "p is how often chance alone shows as large a difference (Diebold and Mariano 1995, with the small-sample "
        "distribution of Coroneo and Iacone 2020, which allows for forecasts that overlap). HLN is the same with the "
        "correction of Harvey, Leybourne and Newbold 1997, and the interval a circular block bootstrap's; both are too "
        "sure when the horizon is long."
    )
    absent = dict.fromkeys(test.absent for test in card.tests.values() if test.absent)
    return " ".join([words, *(f"Without p: {reason}." for reason in absent)])


def _scope(card: Scorecard) -> str:
    first, last = card.dates
    windows, horizon = len(card.holdout.rows), card.preprocessing.horizon
    scope = f"{windows:,} forecasts made from {first} to {last}, each {horizon} rows ahead."
    if card.holdout.entities:
        days = len(card.holdout.truth_days)
        scope += f" They are of {len(card.by_entity):,} entities on {days:,} days; figures show means over a day's."
        windows = days
    if horizon > 1:
        worth = effective_windows(windows, horizon)
        scope += f" Neighbouring forecasts overlap; all are worth about {worth:.1f} independent ones."
    return scope


def _header() -> list[str]:
    return ["forecaster", *(f"{label} %" if name in PERCENT else label for name, label in LABELS.items())]


def metric_rows(card: Scorecard) -> dict[str, list[str | None]]:
    """Table cells by forecaster, the same number of decimals down a column; absent baselines have none."""
    columns = {
        metric: _column({name: scores[metric] for name, scores in card.table.items()}, metric) for metric in LABELS
    }
    names = [*card.table, *card.absent]
    return {readable(name): [columns[metric].get(name) for metric in LABELS] for name in names}


def _column(values: dict[str, float | None], metric: str) -> dict[str, str]:
    known = {name: value for name, value in values.items() if value is not None}
    sizes = [abs(value) for value in known.values() if value]
    decimals = 2 if metric in PERCENT else 3
    if metric in IN_TARGET_UNITS and sizes:
        # Units may be dollars or millionths: four significant digits for the smallest number of the column.
        decimals = min(8, max(0, 3 - math.floor(math.log10(min(sizes)))))
    return {name: f"{value:,.{decimals}f}" for name, value in known.items()}


def _legend(card: Scorecard) -> str:
    unit = f", MAE and RMSE in {card.preprocessing.target.unit}" if card.preprocessing.target.unit else ""
    return (
        f"All forecasters are scored on the same windows{unit}. {LABELS[card.verdict.metric]} decides. "
        "MASE below 1: closer than the random walk was on train rows. "
        "R² below 0: worse than a constant at the hold-out's mean. "
        "Direction: share of forecasts on the right side of the last known value; a forecaster of no change has none."
    )


def plot_forecasts(card: Scorecard) -> Figure:
    """Truth, model and best baseline by the day they are about."""
    best = card.verdict.best_baseline
    figure = new_figure(width=9.6, height=3.8)
    axes = figure.add_subplot()
    daily = card.holdout.daily
    picked = evenly(len(card.holdout.truth_days))
    days = card.holdout.truth_days[picked]
    axes.plot(days, daily(card.forecasts[best])[picked], color=BASELINE, linewidth=1.0, label=readable(best))
    axes.plot(days, daily(card.forecasts[card.model])[picked], color=MODEL, linewidth=1.3, label=card.model)
    axes.plot(days, daily(card.holdout.truth)[picked], color=TRUTH, linewidth=1.3, label="truth")
    axes.set_ylabel(with_unit(card.preprocessing.target.name, card))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    style_dates(axes)
    return figure


def plot_advantage(card: Scorecard) -> Figure:
    """Running mean of how much closer the model was than the best baseline."""
    truth = card.holdout.truth
    best, model = card.forecasts[card.verdict.best_baseline], card.forecasts[card.model]
    gain = card.holdout.daily(np.abs(best - truth) - np.abs(model - truth))
    running = gain.cumsum() / np.arange(1, len(gain) + 1)
    figure = new_figure(width=9.6, height=2.4)
    axes = figure.add_subplot()
    picked = evenly(len(gain))
    days, line = card.holdout.truth_days[picked], running[picked]
    axes.axhline(0, color="#5b6775", linewidth=0.8)
    axes.plot(days, line, color=MODEL, linewidth=1.3)
    axes.fill_between(days, line, 0, where=line >= 0, color=MODEL, alpha=0.15, linewidth=0, interpolate=True)
    axes.fill_between(days, line, 0, where=line <= 0, color=BASELINE, alpha=0.2, linewidth=0, interpolate=True)
    axes.set_ylabel(with_unit("closer by", card))
    style_dates(axes)
    return figure
