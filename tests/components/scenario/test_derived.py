"""Derived columns: each definition beside pandas, order, and columns that are not what they are said to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from components.scenario import derived
from components.scenario.config import Derived
from components.scenario.history import Frame
from components.shared.errors import InputError

DERIVED = TypeAdapter(Derived)
ROWS = 30


@pytest.fixture
def columns() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {"a": 50 + rng.normal(size=ROWS).cumsum(), "b": 20 + rng.normal(size=ROWS).cumsum()}


@pytest.mark.parametrize(
    ("definition", "oracle"),
    [
        ({"kind": "sum", "of": {"a": 2, "b": -0.5}}, lambda t: 2 * t.a - 0.5 * t.b),
        ({"kind": "product", "of": ["a", "b", "b"]}, lambda t: t.a * t.b * t.b),
        ({"kind": "difference", "of": ["a", "b"]}, lambda t: t.a - t.b),
        ({"kind": "ratio", "of": ["a", "b"]}, lambda t: t.a / t.b),
        ({"kind": "change", "of": "a", "rows": 3}, lambda t: t.a.diff(3)),
        ({"kind": "percent_change", "of": "a"}, lambda t: t.a.pct_change()),
        ({"kind": "log_return", "of": "a", "rows": 5}, lambda t: np.log(t.a).diff(5)),
        ({"kind": "change", "of": "a", "rows": 100}, lambda t: t.a.diff(100)),
        ({"kind": "rolling_mean", "of": "a", "rows": 4}, lambda t: t.a.rolling(4).mean()),
        ({"kind": "rolling_std", "of": "a", "rows": 4}, lambda t: t.a.rolling(4).std()),
        ({"kind": "rolling_min", "of": "a", "rows": 2}, lambda t: t.a.rolling(2).min()),
        ({"kind": "rolling_max", "of": "a", "rows": 200}, lambda t: t.a.rolling(200).max()),
    ],
    ids=lambda value: f"{value['kind']}-{value.get('rows', '')}" if isinstance(value, dict) else "",
)
def test_definition_is_what_pandas_computes(columns: dict[str, Any], definition: dict[str, Any], oracle: Any) -> None:
    found = derived.compute(DERIVED.validate_python({"name": "c", **definition}), columns)
    np.testing.assert_allclose(found, oracle(pd.DataFrame(columns)), rtol=1e-9, atol=1e-12)


def framed(columns: dict[str, Any]) -> Frame:
    times = np.datetime64("2024-01-01", "us") + np.arange(ROWS).astype("timedelta64[D]")
    return Frame(times, columns, origin=ROWS - 1)


def test_chain_follows_a_shock_and_nothing_else_moves(columns: dict[str, Any]) -> None:
    columns |= {"spread": columns["a"] - columns["b"], "mean": pd.Series(columns["a"]).rolling(3).mean().to_numpy()}
    frame = framed(columns)
    definitions = [
        DERIVED.validate_python({"kind": "difference", "name": "spread", "of": ["a", "b"]}),
        DERIVED.validate_python({"kind": "product", "name": "unheld", "of": ["spread", "b"]}),
        DERIVED.validate_python({"kind": "rolling_mean", "name": "mean", "of": "a", "rows": 3}),
    ]
    shocked = columns["a"].copy()
    shocked[-1] += 10
    found = derived.recompute(frame, {"a": shocked}, definitions)
    assert found["spread"][-1] == pytest.approx(columns["spread"][-1] + 10)
    np.testing.assert_array_equal(found["spread"][:-1], columns["spread"][:-1])
    assert found["mean"][-1] == pytest.approx(columns["mean"][-1] + 10 / 3)
    assert found["unheld"][-1] == pytest.approx((columns["spread"][-1] + 10) * columns["b"][-1])
    assert derived.recompute(frame, {}, definitions) == {}


def test_column_that_does_not_follow_is_refused(columns: dict[str, Any]) -> None:
    frame = framed(columns | {"spread": columns["a"] + columns["b"]})
    definition = DERIVED.validate_python({"kind": "difference", "name": "spread", "of": ["a", "b"]})
    with pytest.raises(InputError, match=r"spread: the difference of a, b is .* on 2024-01-30, where the table has"):
        derived.recompute(frame, {}, [definition])


def test_rows_that_were_filled_do_not_refuse_a_definition(columns: dict[str, Any]) -> None:
    spread = columns["a"] - columns["b"]
    spread[[4, 9]] = spread[[3, 8]]  # missing there, and carried forward
    definition = DERIVED.validate_python({"kind": "difference", "name": "spread", "of": ["a", "b"]})
    assert derived.recompute(framed(columns | {"spread": spread}), {}, [definition]) == {}
