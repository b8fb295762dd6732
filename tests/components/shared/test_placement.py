from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from components.shared import device, placement
from components.shared.parity import Parity

GOOD, BAD = Parity(True, 0.0, 0.0, "agree"), Parity(False, 1.0, 1.0, "cpu and metal do not agree")
UNSOUND = Parity(False, 1.0, 1.0, "dropout draws the same mask at every step")
Machines = Callable[..., Any]


class Workshop:
    """A machine whose networks take a set time where they were built; it remembers where that was."""

    def __init__(self, **seconds: float) -> None:
        self.seconds, self.here, self.built = seconds, "nowhere", []

    @contextmanager
    def scope(self, where: str) -> Iterator[None]:
        self.here = where
        yield
        self.here = "nowhere"

    def prepare(self) -> Callable[[], None]:
        self.built.append(self.here)
        if self.seconds[self.here] < 0:
            raise RuntimeError("no kernel for this operation")
        return lambda: time.sleep(self.seconds[self.here])


@pytest.mark.parametrize(
    ("seconds", "winner"),
    [
        ({"metal": 0.02, "cpu": 0.001}, "cpu"),
        ({"metal": 0.001, "cpu": 0.02}, "metal"),
        ({"metal": -1, "cpu": 0.001}, "cpu"),
    ],
    ids=["cpu-is-faster", "metal-is-faster", "metal-refuses"],
)
def test_a_network_goes_where_it_is_faster(machine: Machines, seconds: dict[str, float], winner: str) -> None:
    shop = Workshop(**seconds)
    found = device.detect("auto", machine("m2-max"))
    chosen, trial = placement.faster_of_cpu_and(found, shop.prepare, scope=shop.scope, rounds=3)
    assert chosen.accelerator == winner
    assert trial is not None
    assert trial.reason in chosen.reason
    assert shop.built == ["metal", "cpu"]


@pytest.mark.parametrize("name", ["cuda", "tpu", "cpu"])
def test_only_a_mac_is_put_to_the_test(machine: Machines, name: str) -> None:
    shop = Workshop()
    found = device.detect("auto", machine(name))
    assert placement.faster_of_cpu_and(found, shop.prepare, scope=shop.scope) == (found, None)
    assert placement.trusted(found, None, None, compare=lambda *_: BAD, dropout=lambda _: UNSOUND) == found


@pytest.mark.parametrize(
    ("outputs", "dropout", "accelerator", "says"),
    [
        (GOOD, GOOD, "metal", "TensorFlow lists 1 GPU"),
        (BAD, GOOD, "cpu", "Apple M1: cpu and metal do not agree"),
        (GOOD, UNSOUND, "cpu", "Apple M1: dropout draws the same mask"),
        (BAD, UNSOUND, "cpu", "do not agree; dropout draws"),
    ],
    ids=["sound", "other-outputs", "unsound-dropout", "both"],
)
def test_a_gpu_that_computes_wrongly_is_left_for_the_cpu_aloud(
    machine: Machines, caplog: pytest.LogCaptureFixture, outputs: Parity, dropout: Parity, accelerator: str, says: str
) -> None:
    found = device.detect("auto", machine("m1"))
    chosen = placement.trusted(found, None, None, compare=lambda *_: outputs, dropout=lambda _: dropout)
    assert chosen.accelerator == accelerator
    assert says in chosen.reason
    assert ("running on the CPU" in caplog.text) == (accelerator == "cpu")
