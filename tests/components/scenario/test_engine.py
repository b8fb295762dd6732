"""Scenarios against the closed form of a linear model, paired passes, plausibility, and everything that is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.forecast import step as forecasting
from components.forecast.config import ForecastConfig
from components.scenario.config import Scenario
from components.scenario.engine import Engine
from components.shared.artifacts import Table
from components.shared.errors import InputError

LOOKBACK, HORIZON, PASSES = 8, 5, 40
SPREAD = {"kind": "difference", "name": "spread", "of": ["price", "meal1"]}


def percent(amount: float, *features: str, **more: Any) -> dict[str, Any]:
    return {"kind": "percent", "features": list(features), "amount": amount, **more}


def test_baseline_is_what_forecast_forecasts(engine: Engine, market: Any, tmp_path: Any) -> None:
    config = ForecastConfig.parse({"intervals": [0.5, 0.8, 0.9, 0.95]})
    forecasting.run(config, market.table, market.model, tmp_path / "forecasts")
    row = Table.open(tmp_path / "forecasts").read().to_pylist()[0]
    outcome = engine.run(Scenario())
    assert outcome.baseline.points == pytest.approx([row["forecast"]], rel=1e-6)
    assert outcome.times[-1] == f"{row['time']:%Y-%m-%d}"
    for band in outcome.baseline.bands:
        words = f"{100 * band.share:g}".replace(".", "_")
        assert (band.lower, band.upper) == pytest.approx((row[f"lower_{words}"], row[f"upper_{words}"]), rel=1e-6)
    assert len(outcome.baseline.bands) == 4


def test_nothing_changed_is_the_baseline(engine: Engine) -> None:
    outcome = engine.run(Scenario())
    assert outcome.scenario == outcome.baseline
    assert outcome.difference.points == [0.0]
    assert outcome.changed == []
    assert outcome.plausibility == outcome.baseline_plausibility


def test_scenario_is_the_closed_form(engine: Engine, expected: Any) -> None:
    shape = {"kind": "ramp", "start": -3, "rows": 4}
    outcome = engine.run(
        Scenario.parse({"shocks": [{"kind": "add", "features": ["meal1"], "amount": 8, "shape": shape}]})
    )
    moves = [0, 0, 0, 0, 2, 4, 6, 8]
    assert outcome.difference.points[-1] == pytest.approx(expected("meal1", moves), abs=1e-4)
    assert [change.name for change in outcome.changed] == ["meal1"]
    change = outcome.changed[0]
    assert np.subtract(change.scenario, change.baseline) == pytest.approx(moves)


def test_derived_column_follows(engine: Engine, expected: Any) -> None:
    shock = {"kind": "add", "features": ["meal1"], "amount": 3}
    outcome = engine.run(Scenario.parse({"shocks": [shock], "derived": [SPREAD]}))
    moves = np.array([0.0] * 7 + [3.0])
    both = expected("meal1", moves) + expected("spread", -moves)
    assert outcome.difference.points[-1] == pytest.approx(both, abs=1e-4)
    assert {change.name: change.derived for change in outcome.changed} == {"meal1": False, "spread": True}


def test_shocked_target_moves_the_origin_too(engine: Engine, expected: Any) -> None:
    outcome = engine.run(Scenario.parse({"shocks": [{"kind": "add", "features": ["price"], "amount": 2}]}))
    # The model forecasts a difference from the origin, which is 2 higher itself.
    assert outcome.difference.points[-1] == pytest.approx(2 + expected("price", [0] * 7 + [2]), abs=1e-4)
    assert outcome.scenario.origin_value == pytest.approx(outcome.baseline.origin_value + 2)


def test_missing_value_is_filled_before_it_is_shocked(engine: Engine, expected: Any) -> None:
    carried = engine.history.columns["volume"][-2]  # the last row of volume is empty
    outcome = engine.run(Scenario.parse({"shocks": [percent(10, "volume")]}))
    assert outcome.difference.points[-1] == pytest.approx(expected("volume", [0] * 7 + [0.1 * carried]), abs=1e-4)


def test_sigma_is_the_deviation_of_the_train_rows(engine: Engine, expected: Any) -> None:
    last = engine.model.preprocessing.splits["train"].last_date
    train = engine.history.times <= np.datetime64(last)
    sigma = engine.history.columns["meal1"][train].std()
    outcome = engine.run(Scenario.parse({"shocks": [{"kind": "sigma", "features": ["meal1"], "amount": 0.5}]}))
    assert outcome.difference.points[-1] == pytest.approx(expected("meal1", [0] * 7 + [0.5 * sigma]), rel=1e-2)


def test_passes_are_paired(engine: Engine, weights: Any, expected: Any) -> None:
    """Under one mask the difference of a linear model depends on the moved value alone: most of the spread goes."""
    outcome = engine.run(Scenario.parse({"shocks": [{"kind": "add", "features": ["meal1"], "amount": 5}]}))
    paired, alone = outcome.difference.spread, outcome.scenario.spread
    assert paired.passes == PASSES
    width = {name: s.quantiles[-1][-1] - s.quantiles[0][-1] for name, s in (("paired", paired), ("alone", alone))}
    assert width["paired"] < 0.2 * width["alone"]
    # One row of one feature: each pass keeps it, scaled up by the dropout rate, or drops it.
    kept = expected("meal1", [0] * 7 + [5]) / (1 - 0.3)
    ends = sorted([0.0, kept])
    assert [paired.quantiles[0][-1], paired.quantiles[-1][-1]] == pytest.approx(ends, abs=1e-3)


def test_same_question_same_answer(engine: Engine) -> None:
    scenario = Scenario.parse({"shocks": [percent(5, "meal*")]})
    assert engine.run(scenario) == engine.run(scenario)


def test_earlier_origin_knows_what_came(engine: Engine) -> None:
    times = engine.history.times
    outcome = engine.run(Scenario.parse({"origin": str(times[-50])[:10]}))
    assert outcome.origin == str(times[-50])[:10]
    assert outcome.truth == pytest.approx(engine.history.targets[-50 + HORIZON])
    assert engine.run(Scenario()).truth is None


def test_values_are_cut_to_what_is_permitted(engine: Engine) -> None:
    highest = float(engine.history.columns["meal1"][-1]) * 1.02
    scenario = {"shocks": [percent(10, "meal*")], "permitted": {"meal1": {"max": highest}}}
    changes = {change.name: change for change in engine.run(Scenario.parse(scenario)).changed}
    assert changes["meal1"].scenario[-1] == pytest.approx(highest)
    assert (changes["meal1"].cut, changes["meal2"].cut) == (1, 0)


def test_range_of_the_catalog_is_permitted_unless_the_scenario_says_otherwise(market: Any, tmp_path: Any) -> None:
    from components.ingest import step as ingest
    from components.ingest.config import IngestConfig

    columns = [{"name": name, "dtype": "float64"} for name in ("meal1", "meal2", "spread", "volume")]
    columns[0]["range"] = {"max": 1000}
    columns += [
        {"name": "day", "dtype": "date", "role": "time"},
        {"name": "price", "dtype": "float64", "role": "target"},
    ]
    source = {"source": {"kind": "csv", "path": str(market.csv)}, "catalog": {"columns": columns}}
    ingest.run(IngestConfig.parse(source), tmp_path / "table")
    engine = Engine.load(market.model, tmp_path / "table", passes=0)
    shock = {"kind": "set", "features": ["meal1"], "value": 5000}
    plain, wider = (
        engine.run(Scenario.parse({"shocks": [shock], "permitted": permitted}))
        for permitted in ({}, {"meal1": {"max": 9999}})
    )
    assert plain.changed[0].scenario[-1] == 1000
    assert wider.changed[0].scenario[-1] == 5000
    assert plain.scenario.spread is None
    assert any("No Monte Carlo dropout" in note for note in plain.notes)


def test_scenario_that_breaks_a_relation_is_flagged(engine: Engine) -> None:
    """meal1 and meal2 have always moved together: the same move is ordinary for both and unheard of for one."""
    inside, alone = (
        engine.run(
            Scenario.parse({"shocks": [{"kind": "add", "features": features, "amount": -3}], "derived": [SPREAD]})
        )
        for features in (["meal*"], ["meal1"])
    )
    assert inside.plausibility.moves < 0.99 < alone.plausibility.moves
    assert alone.plausibility.outside


def test_values_within_their_ranges_are_flagged_for_what_they_are_together(engine: Engine) -> None:
    """On a day of the train rows nothing is beyond them; only the joint distances can tell."""
    there = {"origin": "2020-12-01", "derived": [SPREAD]}
    plain = engine.run(Scenario.parse(there)).plausibility
    torn = engine.run(
        Scenario.parse({**there, "shocks": [{"kind": "add", "features": ["meal1"], "amount": -12}]})
    ).plausibility
    assert (plain.beyond, plain.outside, plain.reasons) == ([], False, [])
    assert (torn.beyond, torn.outside) == ([], True)
    assert "further from the train rows" in torn.reasons[0]


@pytest.mark.parametrize("amount", [-99, 300], ids=["below", "above"])
def test_a_value_is_beyond_on_either_side(engine: Engine, amount: float) -> None:
    assert engine.run(Scenario.parse({"shocks": [percent(amount, "volume")]})).newly_beyond == ["volume"]


def test_value_beyond_the_train_rows_is_named(engine: Engine) -> None:
    outcome = engine.run(Scenario.parse({"shocks": [percent(300, "volume")]}))
    assert outcome.plausibility.outside
    assert outcome.newly_beyond == ["volume"]
    assert any("not guaranteed" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"shocks": [percent(1, "meel1")]}, "no feature is called 'meel1'; did you mean meal1?"),
        ({"shocks": [percent(1, "x*")]}, "no feature is called 'x*'"),
        ({"shocks": [percent(1, "spread")], "derived": [SPREAD]}, "spread is derived: change what it is derived from"),
        ({"shocks": [percent(1, "volume")], "vary": ["meal*"]}, "volume is not among the features to vary"),
        ({"vary": ["nothing"]}, "vary: no feature is called 'nothing'"),
        ({"permitted": {"nothing": {"max": 1}}}, "permitted: no feature is called 'nothing'"),
        ({"shocks": [percent(1, "meal1", when=[{"column": "y", "op": ">", "value": 1}])]}, "no feature is called 'y'"),
        ({"shocks": [percent(1, "meal1", when=[{"column": "day", "op": ">", "value": 1}])]}, "compared with a date"),
        (
            {"shocks": [percent(1, "meal1", when=[{"column": "price", "op": ">", "value": "2020-01-01"}])]},
            "price is compared with a number",
        ),
        ({"shocks": [percent(1, "meal1", shape={"kind": "step", "start": 1})]}, "looks at no value of meal1"),
        ({"derived": [{**SPREAD, "of": ["price", "z"]}]}, "no feature is called 'z'"),
        ({"derived": [SPREAD, SPREAD]}, "spread is defined twice"),
        (
            {
                "derived": [
                    {"kind": "ratio", "name": "p", "of": ["q", "price"]},
                    {"kind": "ratio", "name": "q", "of": ["price", "meal1"]},
                ]
            },
            "p reads q, which must be defined before it",
        ),
        ({"future": {"meal1": [1, 2, 3, 4, 5]}}, "does not read meal1 past the origin; it looks ahead at no feature"),
        ({"origin": "1999-01-01"}, "the first row with 8 rows up to it is of 2020-01-10"),
        ({"shocks": [percent(1e12, "meal1")] * 4}, "too large"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused(engine: Engine, scenario: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        engine.run(Scenario.parse(scenario))
    assert said in str(caught.value)


def test_all_problems_are_named_at_once(engine: Engine) -> None:
    scenario = {"shocks": [percent(1, "x"), percent(1, "y")], "vary": ["z", "meal1"]}
    with pytest.raises(InputError) as caught:
        engine.run(Scenario.parse(scenario))
    assert len(caught.value.problems) == 3


def test_path_and_future_covariates(path_engine: Engine) -> None:
    preprocessing = path_engine.model.preprocessing
    flag = next(feature for feature in preprocessing.features if feature.name == "holiday")
    plain = path_engine.run(Scenario())
    given = path_engine.run(Scenario.parse({"future": {"holiday": [0, 1, 0, 1, 3]}}))
    known = path_engine.history.columns["holiday"][-HORIZON:]
    per_flag = preprocessing.features[0].scale / flag.scale
    assert len(plain.baseline.points) == len(plain.times) == HORIZON
    assert given.difference.points == pytest.approx(((np.array([0, 1, 0, 1, 3]) - known) * per_flag).tolist(), abs=1e-4)
    assert plain.times[0] == str(path_engine.history.times[-HORIZON])[:10]
    assert given.changed[0].name == "holiday"
    assert len(given.changed[0].times) == LOOKBACK + HORIZON


def test_shock_on_the_rows_ahead(path_engine: Engine) -> None:
    preprocessing = path_engine.model.preprocessing
    flag = next(feature for feature in preprocessing.features if feature.name == "holiday")
    shape = {"kind": "pulse", "start": 2, "rows": 1}
    shock = {"kind": "add", "features": ["holiday"], "amount": 1, "shape": shape}
    moved = path_engine.run(Scenario.parse({"shocks": [shock]})).difference.points
    per_flag = preprocessing.features[0].scale / flag.scale
    assert moved == pytest.approx([0, per_flag, 0, 0, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"future": {"holiday": [0, 1]}}, "holiday needs 5 values, one a row of the horizon; got 2"),
        ({"shocks": [percent(1, "calendar_day_of_week")]}, "is computed from the date"),
        ({"future": {"calendar_day_of_week": [0] * 5}}, "is computed from the date"),
        (
            {"shocks": [percent(1, "holiday", shape={"kind": "step", "start": 9})]},
            "starts 9 rows ahead, and the horizon is 5",
        ),
    ],
    ids=["too-few", "calendar-shock", "calendar-future", "beyond-horizon"],
)
def test_future_that_cannot_be(path_engine: Engine, scenario: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        path_engine.run(Scenario.parse(scenario))
    assert said in str(caught.value)


def test_model_without_dropout_says_so(path_engine: Engine) -> None:
    outcome = path_engine.run(Scenario())
    assert outcome.baseline.spread is None
    assert any("no dropout" in note for note in outcome.notes)
