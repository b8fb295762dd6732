from __future__ import annotations

import math

import pytest

from benchmarks import device
from benchmarks.device import Cell, Measured

PLAIN = Cell("lstm", "cpu", "float32", False)
XLA = Cell("lstm", "cpu", "float32", True)
METAL = Cell("lstm", "metal", "float32", False)
HALF = Cell("lstm", "metal", "mixed_float16", False)


def measured(step_ms: float, latency_ms: float, loss: float = 1.0) -> Measured:
    return Measured(dict.fromkeys(device.UNITS, 1.0) | {"step_ms": step_ms, "latency_p50_ms": latency_ms}, loss)


def test_the_fastest_to_train_and_the_fastest_to_answer_are_recommended() -> None:
    results = [(PLAIN, measured(10, 1)), (METAL, measured(2, 5)), (XLA, measured(6, 3))]
    chosen = device.recommend(results)["lstm"]
    assert chosen["train"]["device"] == "metal"
    assert (chosen["serve"]["device"], chosen["serve"]["compiled"]) == ("cpu", False)


@pytest.mark.parametrize("loss", [1.5, math.nan, math.inf], ids=["another-loss", "nan", "infinite"])
def test_a_fast_combination_that_trains_differently_is_not_recommended(loss: float) -> None:
    chosen = device.recommend([(PLAIN, measured(10, 2)), (HALF, measured(1, 1, loss))])["lstm"]
    assert chosen["train"]["precision"] == chosen["serve"]["precision"] == "float32"
    assert chosen["unsafe"] == ["lstm_metal_mixed_float16"]


def test_a_combination_the_machine_refuses_is_told_with_its_error() -> None:
    refused = Measured({}, math.nan, "XLA is not supported on METAL")
    chosen = device.recommend([(PLAIN, measured(10, 2)), (XLA, refused)])["lstm"]
    assert chosen["refused"] == {"lstm_cpu_float32_compiled": "XLA is not supported on METAL"}
    assert device.recommend([(PLAIN, refused)])["lstm"]["train"] is None


def test_each_figure_stands_beside_the_plain_one(capsys: pytest.CaptureFixture[str]) -> None:
    results = [(PLAIN, measured(10, 2)), (XLA, Measured({}, math.nan, "refused")), (METAL, measured(2, 1))]
    figures = {figure.name: figure for figure in device.figures(results)}
    assert figures["lstm_metal_float32_step_ms"].ratio == pytest.approx(0.2)
    assert len(figures) == 2 * len(device.UNITS)
    assert "lstm_cpu_float32_compiled: refused" in capsys.readouterr().err


@pytest.mark.slow
def test_a_combination_is_measured_in_a_process_of_its_own() -> None:
    found = device.measure(Cell("feedforward", "cpu", "float32", False), quick=True, threads=1)
    assert not found.error
    assert set(found.figures) == set(device.UNITS)
    assert all(value > 0 for name, value in found.figures.items() if name != "compile_s")
    assert found.figures["latency_p50_ms"] <= found.figures["latency_p95_ms"]


@pytest.mark.slow
def test_a_combination_that_fails_is_a_result_and_not_an_end() -> None:
    found = device.measure(Cell("no_such_model", "cpu", "float32", False), quick=True, threads=1)
    assert "no_such_model" in found.error
