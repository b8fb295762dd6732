from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.shared import health

HIGH, LOW = "PYTORCH_MPS_HIGH_WATERMARK_RATIO", "PYTORCH_MPS_LOW_WATERMARK_RATIO"
Machines = Callable[..., Any]


@pytest.mark.parametrize("name", ["m1", "m2-max", "m3-ultra", "cuda", "tpu", "cpu"])
def test_a_machine_as_it_is_set_up_has_no_problem(machine: Machines, name: str) -> None:
    assert health.problems(machine(name), {}) == []
    assert health.warnings(machine(name)) == []


def test_a_plugin_that_cannot_load_is_a_problem_of_tensorflow_alone(machine: Machines) -> None:
    versions = {"tensorflow": "2.21.0", "tensorflow-metal": "1.2.0", "torch": "2.13.0"}
    (problem,) = health.problems(machine("m1", versions=versions), {})
    assert problem.endswith(": pip install tensorflow==2.19.1 tensorflow-metal==1.2.0")
    assert health.problems(machine("m1", versions=versions, keras_backend="torch"), {}) == []


def test_an_intel_python_on_apple_silicon_is_a_problem(machine: Machines) -> None:
    (problem,) = health.problems(machine("m2-max", named=("Darwin", "x86_64"), gpu_names=[]), {})
    assert "Intel build, translated on Apple M2 Max" in problem


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({HIGH: "0.7", LOW: "1.4"}, "lies above"),
        ({HIGH: "seventy", LOW: "1"}, "expected numbers"),
        ({HIGH: "0.7"}, ""),
        ({HIGH: "0.0", LOW: "1.4"}, ""),
        ({LOW: "1.4"}, ""),
    ],
    ids=["low-above-high", "no-number", "low-is-ours", "no-limit", "high-is-ours"],
)
def test_watermarks_that_torch_refuses_are_found(machine: Machines, environ: dict[str, str], says: str) -> None:
    found = health.problems(machine("m1", keras_backend="torch"), environ)
    assert bool(found) == bool(says)
    assert says in "".join(found)


@pytest.mark.parametrize(("torch", "warned"), [("2.7.1", True), ("2.8.0", False), ("2.13.0", False)])
def test_an_old_torch_on_mps_is_warned_about(machine: Machines, torch: str, warned: bool) -> None:
    assert bool(health.warnings(machine("m1", versions={"torch": torch}, keras_backend="torch"))) == warned
    assert health.warnings(machine("cpu", versions={"torch": torch}, keras_backend="torch")) == []
