from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.holdout import Holdout
from components.evaluate.metrics import score
from components.evaluate.plotting import MOST_POINTS
from components.evaluate.report import build_page, metric_rows, plot_advantage, plot_forecasts
from components.evaluate.scorecard import Scorecard
from components.evaluate.verdict import compare
from components.shared.artifacts import Prepared


def scorecard(prepared: Prepared, windows: int = 40) -> Scorecard:
    rng = np.random.default_rng(5)
    rows = np.arange(windows)
    times = np.datetime64("2024-01-01", "us") + rows.astype("timedelta64[D]")
    origin = 30 + rng.normal(size=windows).cumsum()
    truth = origin + rng.normal(size=windows)
    holdout = Holdout(rows, rows, origin, truth, times, times + np.timedelta64(7, "D"))
    forecasts = {"gru": truth + 0.1, "random_walk": origin}
    table = {name: score(values, truth, origin=origin, naive_error=1.0) for name, values in forecasts.items()}
    verdict = compare(table, model="gru", metric="rmse", unit="USD")
    absent = {"seasonal_naive": "too short a history"}
    return Scorecard("gru", prepared.preprocessing, holdout, forecasts, table, absent, verdict)


@pytest.fixture(scope="module")
def card(prepared_folder: object) -> Scorecard:
    return scorecard(Prepared.open(str(prepared_folder)))


def test_the_page_opens_with_the_verdict(card: Scorecard) -> None:
    page = build_page(card).html()
    first = page.index('<p class="lead">')
    assert page[first:].startswith(f'<p class="lead">{card.verdict.sentence}.</p>')
    assert first < page.index("<table>") < page.index("<img")


def test_the_models_row_stands_out_and_the_absent_have_dashes(card: Scorecard) -> None:
    page = build_page(card).html()
    assert page.count('<tr class="strong">') == 1
    assert '<tr class="strong"><td>gru</td><td>0.1000</td>' in page
    assert "<td>seasonal naive</td>" + "<td>–</td>" * 7 in page


def test_numbers_in_a_column_have_the_same_decimals(card: Scorecard) -> None:
    for column in zip(*metric_rows(card).values(), strict=True):
        decimals = {len(text.partition(".")[2]) for text in column if text is not None}
        assert len(decimals) == 1, column


def test_the_plot_shows_what_came_true_on_its_own_day(card: Scorecard) -> None:
    lines = {line.get_label(): line for line in plot_forecasts(card).axes[0].get_lines()}
    assert set(lines) == {"truth", "gru", "random walk"}
    np.testing.assert_array_equal(lines["truth"].get_xdata(orig=True), card.holdout.truth_times)
    np.testing.assert_array_equal(lines["gru"].get_ydata(), card.forecasts["gru"])


def test_the_advantage_ends_at_the_difference_of_the_mean_absolute_errors(card: Scorecard) -> None:
    running = plot_advantage(card).axes[0].get_lines()[1].get_ydata()
    gain = (card.table["random_walk"]["mae"] or 0.0) - (card.table["gru"]["mae"] or 0.0)
    assert running[-1] == pytest.approx(gain)


def test_a_long_holdout_is_thinned_for_drawing_and_keeps_its_end(prepared_folder: object) -> None:
    card = scorecard(Prepared.open(str(prepared_folder)), windows=5 * MOST_POINTS)
    days = plot_forecasts(card).axes[0].get_lines()[0].get_xdata(orig=True)
    assert len(days) == MOST_POINTS
    assert days[-1] == card.holdout.truth_times[-1]
