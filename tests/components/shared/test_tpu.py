from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from components.shared import device, tpu


@dataclass
class System:
    """A TPU runtime that keeps what it was asked, in order; until it is initialised it lists no core."""

    attached: int = 8
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def initialise(self) -> None:
        self.asked.append("initialise")
        if self.error:
            raise self.error

    def cores(self) -> int:
        self.asked.append("cores")
        return self.attached if self.asked[0] == "initialise" else 0


def test_the_system_is_initialised_before_its_cores_are_listed() -> None:
    system = System()
    assert tpu.start(system) == (8, "")
    assert system.asked == ["initialise", "cores"]


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (
            System(error=RuntimeError("no libtpu.so\nstack")),
            "(RuntimeError: no libtpu.so): is tensorflow-tpu installed",
        ),
        (System(attached=0), "TensorFlow lists no TPU core"),
    ],
    ids=["fails", "empty"],
)
def test_a_tpu_that_does_not_start_is_one_message(system: System, expected: str) -> None:
    cores, trouble = tpu.start(system)
    assert cores == 0
    assert expected in trouble


def test_a_machine_without_a_tpu_says_so_aloud_and_runs_on_the_cpu(
    machine: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real runtime on this machine: TPU_NAME promises a TPU that is not there."""
    monkeypatch.setenv("TPU_NAME", "local")
    seen = machine("cpu")
    monkeypatch.setattr(seen, "tpus", device.ThisMachine().tpus, raising=False)
    found = device.detect("tpu", seen)
    assert found.accelerator == "cpu"
    assert caplog.text.count("the TPU could not be initialised") == 1
    assert "running on the CPU" in caplog.text
