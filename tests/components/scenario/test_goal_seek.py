"""Goal seek: the amount of a linear model has a closed form; goals out of reach, limits, and several crossings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.scenario import goal_seek
from components.scenario.config import GoalRequest, Scenario
from components.scenario.engine import Engine
from components.shared.errors import InputError


def request(goal: float, **more: Any) -> GoalRequest:
    return GoalRequest.parse({"goal": goal, "features": ["meal1"], "kind": "add", "lowest": -40, "highest": 40, **more})


def test_amount_is_the_closed_form(engine: Engine, expected: Any) -> None:
    base = engine.run(Scenario()).baseline.points[-1]
    goal = base + expected("meal1", [0] * 7 + [12.345])
    found = goal_seek.run(engine, request(goal))
    assert found.reached
    assert found.amount == pytest.approx(12.345, abs=2e-3)
    assert found.scenario.scenario.points[-1] == pytest.approx(goal, abs=1e-4)
    assert found.crossings == 1


def test_zero_is_enough_where_the_goal_is_the_forecast(engine: Engine) -> None:
    base = engine.run(Scenario()).baseline.points[-1]
    assert goal_seek.run(engine, request(base)).amount == pytest.approx(0, abs=2e-3)


def test_goal_out_of_reach_says_how_near_it_comes(engine: Engine, expected: Any) -> None:
    base = engine.run(Scenario()).baseline.points[-1]
    found = goal_seek.run(engine, request(base + 1000))
    assert (found.reached, found.amount, found.crossings) == (False, None, 0)
    assert found.nearest_amount in (-40, 40)
    assert found.forecast == pytest.approx(base + abs(expected("meal1", [0] * 7 + [40])), abs=1e-3)
    assert "No amount from -40 to 40 reaches the goal" in found.notes[-1]


def test_goal_respects_what_is_permitted(engine: Engine, expected: Any) -> None:
    last = float(engine.history.columns["meal1"][-1])
    base = engine.run(Scenario()).baseline.points[-1]
    goal = base + expected("meal1", [0] * 7 + [20])
    assert goal_seek.run(engine, request(goal)).reached
    fenced = {"permitted": {"meal1": {"min": last - 10, "max": last + 10}}}
    assert not goal_seek.run(engine, request(goal, scenario=fenced)).reached


def test_of_several_crossings_the_one_nearest_to_zero_is_taken(market: Any, engine: Engine, tmp_path: Path) -> None:
    """A forecast that falls, then rises with meal1: ``(1 + amount / scale)^2`` is 2.25 at -2.5 and at 0.5 scales."""
    preprocessing = engine.model.preprocessing
    position = preprocessing.feature_names.index("meal1")
    feature, last = preprocessing.features[position], float(engine.history.columns["meal1"][-1])
    window = keras.Input((preprocessing.lookback, len(preprocessing.features)), name="window")
    chosen = keras.layers.Dense(1, name="chosen")
    side = chosen(keras.layers.Flatten(name="flatten")(window))
    bowl = keras.Model(window, keras.layers.Multiply(name="forecast")([side, side]))
    kernel = np.zeros((preprocessing.lookback * len(preprocessing.features), 1))
    kernel[(preprocessing.lookback - 1) * len(preprocessing.features) + position] = 1
    chosen.set_weights([kernel, np.array([1 - (last - feature.center) / feature.scale])])
    folder = shutil.copytree(market.model, tmp_path / "model")
    bowl.save(folder / "model.keras")
    origin = np.array([engine.run(Scenario()).baseline.origin_value])
    goal = float(preprocessing.invert(np.array([2.25]), origin)[0])
    asked = request(goal, lowest=-4 * feature.scale, highest=4 * feature.scale)
    found = goal_seek.run(Engine.load(folder, market.table, passes=0), asked)
    assert found.crossings == 2
    assert found.amount == pytest.approx(0.5 * feature.scale, rel=1e-3)


def test_curve_is_what_the_engine_answers(engine: Engine) -> None:
    found = goal_seek.run(engine, request(0))
    at = np.searchsorted(found.curve_amounts, 20)
    shock = {"kind": "add", "features": ["meal1"], "amount": found.curve_amounts[at]}
    alone = engine.run(Scenario.parse({"shocks": [shock]})).scenario.points[-1]
    assert found.curve_forecasts[at] == pytest.approx(alone, abs=1e-4)


def test_unknown_features_are_refused(engine: Engine) -> None:
    with pytest.raises(InputError, match="no feature is called 'meel'"):
        goal_seek.run(engine, GoalRequest(goal=1, features=("meel",)))


def test_range_must_be_one() -> None:
    with pytest.raises(InputError, match="lowest 5 must be below highest 5"):
        request(1, lowest=5, highest=5)
