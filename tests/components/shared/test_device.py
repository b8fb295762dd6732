from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from components.shared import device
from components.shared.errors import InputError


@dataclass
class Machine:
    """A machine as detection sees it."""

    named: tuple[str, str] = ("Linux", "x86_64")
    gpu_names: list[str] = field(default_factory=list)
    tpu_cores: int = 0

    def system(self) -> tuple[str, str]:
        return self.named

    def gpus(self) -> list[str]:
        return self.gpu_names

    def tpus(self) -> int:
        return self.tpu_cores


MAC = ("Darwin", "arm64")


@pytest.mark.parametrize(
    ("machine", "accelerator", "count"),
    [
        (Machine(), "cpu", 1),
        (Machine(MAC, ["Apple M2 Max"]), "metal", 1),
        (Machine(MAC), "cpu", 1),
        (Machine(gpu_names=["H100", "H100"]), "cuda", 2),
        (Machine(tpu_cores=8), "tpu", 8),
    ],
    ids=["linux-cpu", "mac-with-metal", "mac-without-metal", "two-gpus", "tpu"],
)
def test_auto_takes_the_best_there_is(machine: Machine, accelerator: str, count: int) -> None:
    found = device.detect("auto", machine)
    assert (found.accelerator, found.count) == (accelerator, count)


def test_a_mac_without_the_plugin_says_what_is_missing() -> None:
    assert "tensorflow-metal" in device.detect("auto", Machine(MAC)).reason


def test_an_absent_accelerator_falls_back_to_the_cpu_aloud(caplog: pytest.LogCaptureFixture) -> None:
    found = device.detect("cuda", Machine(MAC, ["Apple M3"]))
    assert found.accelerator == "cpu"
    assert "cuda was asked for, but this machine offers metal" in caplog.text


def test_the_cpu_is_given_without_looking() -> None:
    assert device.detect("cpu", Machine(gpu_names=["H100"])).accelerator == "cpu"


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of auto, cpu, metal, cuda, tpu, got 'gpu'"):
        device.detect("gpu", Machine())
