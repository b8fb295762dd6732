from __future__ import annotations

import pytest

from components.evaluate.verdict import compare
from components.shared.errors import InputError

UNIT = "US cents/lb"


def table(**values: float | None) -> dict[str, dict[str, float | None]]:
    return {name: {"rmse": value, "mape": value, "mase": value} for name, value in values.items()}


@pytest.mark.parametrize(
    ("values", "metric", "sentence"),
    [
        pytest.param(
            {"lstm": 3.914, "random_walk": 3.7228, "ridge": 3.88},
            "rmse",
            "lstm does not beat the random walk and the ridge: RMSE 3.91 against 3.72 and 3.88 US cents/lb",
            id="loses",
        ),
        pytest.param(
            {"lstm": 3.5, "random_walk": 3.7228, "ridge": 3.6},
            "rmse",
            "lstm beats the ridge: RMSE 3.50 against 3.60 US cents/lb",
            id="beats the best",
        ),
        pytest.param(
            {"lstm": 8.8200, "random_walk": 8.8162},
            "rmse",
            "lstm does not beat the random walk: RMSE 8.820 against 8.816 US cents/lb",
            id="as many digits as tell them apart",
        ),
        pytest.param(
            {"lstm": 9.366, "random_walk": 12.464},
            "rmse",
            "lstm beats the random walk: RMSE 9.37 against 12.46 US cents/lb",
            id="both with the decimals of the smaller",
        ),
        pytest.param(
            {"lstm": 12345.6, "random_walk": 23456.7},
            "rmse",
            "lstm beats the random walk: RMSE 12,346 against 23,457 US cents/lb",
            id="large numbers are written out",
        ),
        pytest.param(
            {"lstm": 7.5, "seasonal_naive": 7.6},
            "mape",
            "lstm beats the seasonal naive: MAPE 7.50 against 7.60 %",
            id="percent",
        ),
        pytest.param(
            {"lstm": 0.0, "random_walk": 0.5},
            "mase",
            "lstm beats the random walk: MASE 0.000 against 0.500",
            id="no unit, and an exact forecast",
        ),
    ],
)
def test_the_sentence_says_who_wins_by_how_much(values: dict[str, float | None], metric: str, sentence: str) -> None:
    verdict = compare(table(**values), model="lstm", metric=metric, unit=UNIT)
    assert verdict.sentence == sentence
    assert verdict.beats == (" beats " in sentence)


@pytest.mark.parametrize("value", [0.0, 3.5], ids=["both exact", "equal errors"])
def test_a_draw_does_not_beat(value: float) -> None:
    verdict = compare(table(lstm=value, random_walk=value), model="lstm", metric="rmse", unit=UNIT)
    assert not verdict.beats
    assert (verdict.model, verdict.best_baseline_value) == (value, value)


def test_the_best_baseline_is_the_one_with_the_lowest_value() -> None:
    verdict = compare(
        table(lstm=1.0, random_walk=3.0, ridge=2.0, seasonal_naive=9.0), model="lstm", metric="rmse", unit=""
    )
    assert (verdict.best_baseline, verdict.best_baseline_value) == ("ridge", 2.0)


def test_an_undefined_deciding_metric_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"MAPE decides, .* for random_walk; .*evaluate\.metric=rmse"):
        compare(table(lstm=1.0, random_walk=None), model="lstm", metric="mape", unit=UNIT)
