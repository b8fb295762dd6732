"""Shocks on columns: amounts, shapes, order, conditions, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.scenario import shocks
from components.scenario.config import Permitted, Shape, Shock
from components.scenario.history import Frame
from components.shared.errors import InputError

SHAPES = TypeAdapter(Shape)
SHOCKS = TypeAdapter(list[Shock])
SIGMAS = {"sigma": {"a": 2.0, "b": 10.0}, "sigma_change": {"a": 0.5, "b": 1.0}}


@pytest.fixture
def frame() -> Frame:
    """Rows -4 to 0 of two features, and two rows ahead that are not known."""
    times = np.datetime64("2024-01-01", "us") + np.arange(7).astype("timedelta64[D]")
    columns = {"a": np.array([1.0, 2, 3, 4, 5, np.nan, np.nan]), "b": np.array([10.0] * 5 + [np.nan] * 2)}
    return Frame(times, columns, origin=4)


def applied(frame: Frame, *given_shocks: dict[str, Any]) -> dict[str, Any]:
    found = shocks.apply(frame, SHOCKS.validate_python(given_shocks), ["a", "b"], SIGMAS, {})
    return {name: values[:5].tolist() for name, values in found.items()}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"kind": "step", "start": -1}, [0, 0, 0, 1, 1, 1, 1]),
        ({"kind": "pulse", "start": -2, "rows": 2}, [0, 0, 1, 1, 0, 0, 0]),
        ({"kind": "ramp", "start": -3, "rows": 4}, [0, 0.25, 0.5, 0.75, 1, 1, 1]),
        ({"kind": "ramp", "start": -10, "rows": 3}, [1] * 7),
        ({"kind": "decay", "start": -2, "half_life": 1}, [0, 0, 1, 0.5, 0.25, 0.125, 0.0625]),
    ],
    ids=["step", "pulse", "ramp", "ramp-begun-earlier", "decay"],
)
def test_shape(shape: dict[str, Any], expected: list[float]) -> None:
    weights = shocks.weights(SHAPES.validate_python(shape), np.arange(-4, 3))
    np.testing.assert_allclose(weights, expected)


@pytest.mark.parametrize(
    ("shock", "expected"),
    [
        ({"kind": "add", "amount": 3}, [1, 2, 3, 4, 8]),
        ({"kind": "percent", "amount": -50, "shape": {"kind": "step", "start": -4}}, [0.5, 1, 1.5, 2, 2.5]),
        ({"kind": "sigma", "amount": 1.5}, [1, 2, 3, 4, 8]),
        ({"kind": "sigma_change", "amount": -2, "shape": {"kind": "pulse", "start": -1}}, [1, 2, 3, 3, 5]),
        ({"kind": "set", "value": 9, "shape": {"kind": "ramp", "start": -1, "rows": 2}}, [1, 2, 3, 6.5, 9]),
        ({"kind": "replace", "values": [7, 8]}, [1, 2, 3, 7, 8]),
        ({"kind": "replace", "values": [7, 8], "start": -4}, [7, 8, 3, 4, 5]),
    ],
    ids=["add", "percent", "sigma", "sigma-change", "set-on-a-ramp", "replace-ends-at-origin", "replace-from-a-row"],
)
def test_kinds(frame: Frame, shock: dict[str, Any], expected: list[float]) -> None:
    assert applied(frame, {"features": ["a"], **shock}) == {"a": pytest.approx(expected)}


def test_order_matters(frame: Frame) -> None:
    add, double = (
        {"kind": "add", "features": ["a"], "amount": 1},
        {"kind": "percent", "features": ["a"], "amount": 100},
    )
    assert applied(frame, add, double)["a"][-1] == 12
    assert applied(frame, double, add)["a"][-1] == 11


def test_pattern_shocks_every_feature_alike(frame: Frame) -> None:
    found = applied(frame, {"kind": "percent", "features": ["*"], "amount": 10})
    assert found == {"a": pytest.approx([1, 2, 3, 4, 5.5]), "b": pytest.approx([10, 10, 10, 10, 11])}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ([{"column": "a", "op": ">=", "value": 3}], [10, 10, 11, 11, 11]),
        ([{"column": "a", "op": ">", "value": 1}, {"column": "a", "op": "<", "value": 4}], [10, 11, 11, 10, 10]),
        ([{"column": "time", "op": "<=", "value": "2024-01-02"}], [11, 11, 10, 10, 10]),
        ([{"column": "a", "op": "==", "value": 99}], [10] * 5),
    ],
    ids=["one", "all-must-hold", "date", "never"],
)
def test_conditions(frame: Frame, when: list[dict[str, Any]], expected: list[float]) -> None:
    everywhere = {"kind": "step", "start": -4}
    found = applied(frame, {"kind": "add", "features": ["b"], "amount": 1, "shape": everywhere, "when": when})
    assert found["b"] == expected


@pytest.mark.parametrize("op", ["==", "!=", "<", ">="])
def test_a_missing_value_fulfils_no_condition(frame: Frame, op: str) -> None:
    frame.columns["a"][2] = np.nan
    when = [{"column": "a", "op": op, "value": 3}]
    shock = {"kind": "add", "features": ["b"], "amount": 1, "shape": {"kind": "step", "start": -4}, "when": when}
    assert applied(frame, shock)["b"][2] == 10


def test_condition_sees_earlier_shocks(frame: Frame) -> None:
    first = {"kind": "set", "features": ["a"], "value": 100}
    second = {"kind": "add", "features": ["b"], "amount": 1, "when": [{"column": "a", "op": "==", "value": 100}]}
    assert applied(frame, first, second)["b"] == [10, 10, 10, 10, 11]
    assert applied(frame, second, first)["b"] == [10] * 5


def test_frame_is_left_alone(frame: Frame) -> None:
    before = {name: values.copy() for name, values in frame.columns.items()}
    applied(frame, {"kind": "percent", "features": ["*"], "amount": 10})
    for name, values in before.items():
        np.testing.assert_array_equal(frame.columns[name], values)


def test_cut_brings_back_only_what_was_shocked(frame: Frame) -> None:
    changed = {"a": np.array([1.0, 2, 3, 40, -50, np.nan, np.nan])}
    kept, counts = shocks.cut(frame, changed, {"a": Permitted(min=2, max=10), "b": Permitted(max=1)})
    # The first value was below 2 before any shock, and stays.
    np.testing.assert_array_equal(kept["a"], [1, 2, 3, 10, 2, np.nan, np.nan])
    assert counts == {"a": 2}


@pytest.mark.parametrize("value", [np.inf, 1e39, np.nan], ids=["infinite", "beyond-float32", "undefined"])
def test_impossible_values_are_refused(frame: Frame, value: float) -> None:
    changed = {"a": np.array([1.0, 2, 3, 4, value, np.nan, np.nan])}
    with pytest.raises(InputError, match="values of a infinite, too large or undefined"):
        shocks.check_finite(frame, changed, 0, 3e38)


def test_unknown_rows_ahead_are_no_problem(frame: Frame) -> None:
    shocks.check_finite(frame, {"a": frame.columns["a"] + 1}, 0, 3e38)


@given(
    amount=st.floats(-90, 90),
    start=st.integers(-10, 2),
    rows=st.integers(1, 9),
    kind=st.sampled_from(["ramp", "pulse"]),
)
def test_percent_and_its_inverse_cancel(amount: float, start: int, rows: int, kind: str) -> None:
    times = np.datetime64("2024-01-01", "us") + np.arange(7).astype("timedelta64[D]")
    frame = Frame(times, {"a": np.arange(1.0, 8.0)}, origin=6)
    shape = {"kind": kind, "start": start, "rows": rows}
    shock = SHOCKS.validate_python([{"kind": "percent", "features": ["a"], "amount": amount, "shape": shape}])
    changed = shocks.apply(frame, shock, ["a"], SIGMAS, {})["a"]
    weights = shocks.weights(shock[0].shape, frame.rows)
    np.testing.assert_allclose(changed / (1 + weights * amount / 100), frame.columns["a"])
