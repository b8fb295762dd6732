"""Tornado against the closed form of a linear model."""

from __future__ import annotations

from typing import Any

import pytest

from components.scenario import tornado
from components.scenario.config import TornadoRequest
from components.scenario.engine import Engine
from components.shared.errors import InputError


def test_bars_are_the_closed_form_and_sorted(engine: Engine, expected: Any) -> None:
    found = tornado.run(engine, TornadoRequest.parse({"kind": "add", "amount": 2, "features": ["meal*", "volume"]}))
    away = {bar.name: (bar.down, bar.up) for bar in found.bars}
    for name in ("meal1", "meal2", "volume"):
        up = expected(name, [0] * 7 + [2])
        assert away[name] == pytest.approx((-up, up), abs=1e-4)
    sizes = [max(abs(bar.down), abs(bar.up)) for bar in found.bars]
    assert sizes == sorted(sizes, reverse=True)
    assert found.base == pytest.approx(engine.run(TornadoRequest().scenario).baseline.points[-1])


def test_group_is_one_bar_and_moves_together(engine: Engine, expected: Any) -> None:
    request = {"kind": "add", "amount": 2, "groups": {"Meal": ["meal*"], "Volume": ["volume"]}}
    found = tornado.run(engine, TornadoRequest.parse(request))
    meal = next(bar for bar in found.bars if bar.name == "Meal")
    assert meal.features == ["meal1", "meal2"]
    assert meal.up == pytest.approx(sum(expected(name, [0] * 7 + [2]) for name in meal.features), abs=1e-4)


def test_bars_start_from_the_scenario_and_derived_columns_follow(engine: Engine, expected: Any) -> None:
    spread = {"kind": "difference", "name": "spread", "of": ["price", "meal1"]}
    shock = {"kind": "percent", "features": ["meal1"], "amount": 10}
    request = {"scenario": {"shocks": [shock], "derived": [spread]}, "kind": "percent", "amount": 50}
    found = tornado.run(engine, TornadoRequest.parse(request))
    bars = {bar.name: bar for bar in found.bars}
    assert "spread" not in bars
    assert found.base == pytest.approx(engine.run(TornadoRequest.parse(request).scenario).scenario.points[-1])
    half = 0.5 * 1.1 * float(engine.history.columns["meal1"][-1])
    both = expected("meal1", [0] * 7 + [half]) + expected("spread", [0] * 7 + [-half])
    assert bars["meal1"].up == pytest.approx(both, abs=1e-3)


def test_top_leaves_the_others_out(engine: Engine) -> None:
    found = tornado.run(engine, TornadoRequest(top=2))
    assert (len(found.bars), found.left_out) == (2, 3)


def test_features_to_vary_are_the_bars(engine: Engine) -> None:
    found = tornado.run(engine, TornadoRequest.parse({"scenario": {"vary": ["meal*"]}}))
    assert {bar.name for bar in found.bars} == {"meal1", "meal2"}


def test_all_problems_are_named_at_once(engine: Engine) -> None:
    request = {"groups": {"A": ["x"], "B": ["y", "meal1"]}, "scenario": {"vary": ["meal1", "z"]}}
    with pytest.raises(InputError) as caught:
        tornado.run(engine, TornadoRequest.parse(request))
    assert len(caught.value.problems) == 3
