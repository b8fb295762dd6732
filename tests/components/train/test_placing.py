from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared.device import Device
from components.shared.preprocessing import TargetScaling
from components.train import placing
from components.train.config import TrainConfig
from components.train.source import WindowSource

TARGET = TargetScaling(name="price", transform="difference", center=0.0, scale=1.0)
CPU = Device("cpu", "cpu", 1, "asked for")


def settle(
    found: Device, source: WindowSource, work: Path, kind: str = "gru", **train: object
) -> tuple[TrainConfig, Device]:
    config = TrainConfig.parse({"model": {"kind": kind, "units": [4]}, **train}, section="train")
    return placing.settle(config, source, found, work, seed=0, target=TARGET)


def test_a_batch_size_that_is_given_stays(label_source: Callable[..., WindowSource], tmp_path: Path) -> None:
    config, device = settle(CPU, label_source(), tmp_path, batch_size=48)
    assert (config.batch_size, device) == (48, CPU)
    assert not list(tmp_path.iterdir())


def test_an_automatic_batch_size_is_what_the_cpu_is_advised_and_never_more_than_there_are(
    label_source: Callable[..., WindowSource], tmp_path: Path
) -> None:
    source = label_source()
    config, _ = settle(CPU, source, tmp_path, batch_size="auto")
    assert 1 <= config.windows_a_step <= len(source.starts["train"])
    few = WindowSource(source.features, source.labels, {"train": source.starts["train"][:7]}, source.shape)
    (tmp_path / "few").mkdir()
    assert settle(CPU, few, tmp_path / "few", batch_size="auto")[0].batch_size == 7


def test_an_interrupted_training_goes_on_with_the_batch_size_it_began_with(
    label_source: Callable[..., WindowSource], tmp_path: Path
) -> None:
    (tmp_path / "batch_size.json").write_text("13")
    assert settle(CPU, label_source(), tmp_path, batch_size="auto")[0].batch_size == 13


@pytest.mark.parametrize("kind", ["gru", "feedforward"])
def test_a_gpu_that_cannot_be_used_is_left_for_the_cpu_with_the_reason(
    kind: str, label_source: Callable[..., WindowSource], tmp_path: Path
) -> None:
    """Detection said Metal, but there is none: the trial or the check must end on a device that computes."""
    found = Device("metal", "Apple M2", 1, "played", memory_bytes=16 << 30)
    _, device = settle(found, label_source(), tmp_path, kind=kind)
    assert device.accelerator in ("cpu", "metal")
    if kind == "gru":
        assert device.reason != found.reason, "a recurrent net has a trial, and its times are the reason"
