from __future__ import annotations

import json
import os
import runpy
from collections.abc import Callable
from typing import Any

import pytest

from components.shared import device
from components.shared.chips import Chip
from components.shared.errors import InputError

GIB = 2**30
Machines = Callable[..., Any]


@pytest.mark.parametrize(
    ("name", "accelerator", "count", "called", "memory"),
    [
        ("m1", "metal", 1, "Apple M1", 8 * GIB),
        ("m2-max", "metal", 1, "Apple M2 Max", 64 * GIB),
        ("m3-ultra", "metal", 1, "Apple M3 Ultra", 256 * GIB),
        ("cuda", "cuda", 2, "NVIDIA H100", 80 * GIB),
        ("tpu", "tpu", 8, "TPU", 0),
        ("cpu", "cpu", 1, "x86_64", 16 * GIB),
    ],
    ids=["m1", "m2-max", "m3-ultra", "cuda", "tpu", "cpu"],
)
def test_auto_takes_the_best_there_is(
    machine: Machines, name: str, accelerator: str, count: int, called: str, memory: int
) -> None:
    found = device.detect("auto", machine(name))
    assert (found.accelerator, found.count, found.name, found.memory_bytes) == (accelerator, count, called, memory)


@pytest.mark.parametrize(
    ("name", "chip", "threads"),
    [("m1", Chip("M1", "base", 8), 4), ("m2-max", Chip("M2", "Max", 38), 8), ("m3-ultra", Chip("M3", "Ultra", 80), 24)],
    ids=["m1", "m2-max", "m3-ultra"],
)
def test_a_mac_names_its_chip_and_computes_on_its_fast_cores(
    machine: Machines, name: str, chip: Chip, threads: int
) -> None:
    found = device.detect("auto", machine(name))
    assert (found.chip, found.threads) == (chip, threads)


def test_a_mac_on_its_cpu_still_names_its_chip(machine: Machines) -> None:
    found = device.detect("cpu", machine("m2-max"))
    assert (found.accelerator, found.chip) == ("cpu", Chip("M2", "Max"))


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_the_reason_names_the_backend_that_was_asked(machine: Machines, backend: str) -> None:
    found = device.detect("auto", machine("cuda", keras_backend=backend))
    assert found.backend == backend
    assert found.reason.lower().startswith(f"{backend} lists 2")


@pytest.mark.parametrize(
    ("backend", "advice"),
    [("tensorflow", "is tensorflow-metal 1.2 installed"), ("torch", "macOS 14"), ("jax", "KERAS_BACKEND=torch")],
)
def test_a_mac_without_a_gpu_says_aloud_what_is_missing(
    machine: Machines, caplog: pytest.LogCaptureFixture, backend: str, advice: str
) -> None:
    found = device.detect("auto", machine("m1", gpu_names=[], keras_backend=backend))
    assert found.accelerator == "cpu"
    assert advice in found.reason
    assert advice in caplog.text


@pytest.mark.parametrize("tensorflow", ["2.20.0", "2.21.0", "2.20.0rc0"])
def test_a_plugin_that_cannot_load_is_named_and_tensorflow_is_not_asked(
    machine: Machines, caplog: pytest.LogCaptureFixture, tensorflow: str
) -> None:
    broken = machine("m2-max", versions={"tensorflow": tensorflow, "tensorflow-metal": "1.2.0"})
    found = device.detect("auto", broken)
    assert found.accelerator == "cpu"
    assert f"tensorflow-metal 1.2.0 cannot load with TensorFlow {tensorflow}" in caplog.text
    assert "pip install tensorflow==2.19.1 tensorflow-metal==1.2.0" in found.reason
    assert broken.asked == []


def test_the_plugin_is_no_matter_to_torch(machine: Machines) -> None:
    versions = {"tensorflow": "2.20.0", "tensorflow-metal": "1.2.0", "torch": "2.13.0"}
    found = device.detect("auto", machine("m2-max", versions=versions, keras_backend="torch", gpu_names=["MPS"]))
    assert found.accelerator == "metal"


def test_an_absent_accelerator_falls_back_to_the_cpu_aloud_once(
    machine: Machines, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        found = device.detect("cuda", machine("m1"))
    assert found.accelerator == "cpu"
    assert caplog.text.count("cuda was asked for, but this machine offers metal") == 1


def test_the_cpu_is_given_without_looking(machine: Machines) -> None:
    looked_at = machine("cuda")
    assert device.detect("cpu", looked_at).accelerator == "cpu"
    assert looked_at.asked == []


def test_an_unknown_device_is_refused(machine: Machines) -> None:
    with pytest.raises(InputError, match="expected one of auto, cpu, metal, cuda, tpu, got 'gpu'"):
        device.detect("gpu", machine("cpu"))


def test_an_absent_backend_is_refused_with_what_to_install(machine: Machines) -> None:
    with pytest.raises(InputError, match=r"torch, which is not installed: pip install 'tandem-pipelines\[torch\]'"):
        device.detect("auto", machine("cpu", versions={}, keras_backend="torch"))


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01])
def test_a_share_of_memory_out_of_range_is_refused(machine: Machines, fraction: float) -> None:
    with pytest.raises(InputError, match="memory_fraction: expected a number above 0 and at most 1"):
        device.apply(device.detect("cpu", machine("cpu")), memory_fraction=fraction)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_the_soft_limit_of_mps_lies_below_the_hard_one(fraction: float) -> None:
    # torch refuses a low watermark above the high one, and its own low one is 1.4.
    variables = device.environment(fraction)
    high, low = (float(variables[f"PYTORCH_MPS_{name}_WATERMARK_RATIO"]) for name in ("HIGH", "LOW"))
    assert 0 < low < high == fraction


@pytest.fixture
def clean_shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A shell without any setting of ours; what a test sets is taken back."""
    for name in device.environment():
        monkeypatch.setenv(name, "")  # so that it is restored afterwards
        monkeypatch.delenv(name)
    return monkeypatch


def test_settings_of_the_shell_win_and_the_soft_limit_follows(clean_shell: pytest.MonkeyPatch) -> None:
    clean_shell.setenv("PYTORCH_MPS_HIGH_WATERMARK_RATIO", "0.5")
    clean_shell.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "0")
    device._prepare_environment(0.9)
    assert os.environ["PYTORCH_MPS_HIGH_WATERMARK_RATIO"] == "0.5"
    assert os.environ["PYTORCH_MPS_LOW_WATERMARK_RATIO"] == "0.40"
    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "0"
    assert os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.90"


def test_a_watermark_that_is_no_number_is_refused_by_name(clean_shell: pytest.MonkeyPatch) -> None:
    clean_shell.setenv("PYTORCH_MPS_HIGH_WATERMARK_RATIO", "most")
    with pytest.raises(InputError, match="PYTORCH_MPS_HIGH_WATERMARK_RATIO: expected a number, got 'most'"):
        device._prepare_environment()


def test_this_machine_is_seen_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("components.shared", run_name="__main__")
    seen = json.loads(capsys.readouterr().out)
    assert seen["memory_bytes"] > 0
    assert {"accelerator", "name", "reason", "backend", "version", "advice"} <= seen.keys()
