from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.shared import chips, device
from components.shared.chips import Chip


@pytest.mark.parametrize(
    ("name", "chip"),
    [
        ("Apple M1", Chip("M1", "base")),
        ("Apple M1 Ultra", Chip("M1", "Ultra")),
        ("Apple M4 Pro", Chip("M4", "Pro")),
        ("Apple M5 Max\n", Chip("M5", "Max")),
        ("Apple M12", Chip("M12", "base")),
        ("Apple processor", None),
        ("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", None),
        ("", None),
    ],
)
def test_a_chip_is_read_from_its_name(name: str, chip: Chip | None) -> None:
    assert Chip.parse(name) == chip


@pytest.mark.parametrize("name", ["Apple M1", "Apple M3 Ultra"])
def test_a_chip_spells_its_name_as_macos_does(name: str) -> None:
    parsed = Chip.parse(name)
    assert parsed is not None
    assert parsed.name == name


@pytest.mark.parametrize(
    ("name", "batches", "precisions"),
    [
        ("m1", (256, 256), ("float32", "mixed_float16")),
        ("m2-max", (768, 1024), ("float32", "mixed_bfloat16", "mixed_float16")),
        ("m3-ultra", (768, 1024), ("float32", "mixed_bfloat16", "mixed_float16")),
        ("tpu", (1024, 8192), ("float32", "mixed_bfloat16")),
        ("cpu", (32, 256), ("float32", "mixed_bfloat16")),
    ],
)
def test_advice_follows_the_chip(
    machine: Callable[..., Any], name: str, batches: tuple[int, int], precisions: tuple[str, ...]
) -> None:
    given = chips.advice(device.detect("auto", machine(name)))
    assert (given.batch_size_low, given.batch_size_high) == batches
    assert given.precision_candidates == precisions


@pytest.mark.parametrize(
    ("chip", "batches", "width", "lookback"),
    [
        ("Apple M1", (256, 256), 192, 128),
        ("Apple M1 Pro", (512, 768), 256, 256),
        ("Apple M1 Max", (512, 768), 256, 256),
        ("Apple M2", (512, 768), 256, 256),
        ("Apple M2 Pro", (768, 1024), 320, 384),
        ("Apple M3", (768, 1024), 320, 384),
        ("Apple M5 Ultra", (768, 1024), 320, 384),
    ],
)
def test_the_table_is_that_of_the_guide(
    machine: Callable[..., Any], chip: str, batches: tuple[int, int], width: int, lookback: int
) -> None:
    given = chips.advice(device.detect("auto", machine("m1", cpu_name=chip)))
    assert (given.batch_size_low, given.batch_size_high) == batches
    assert (given.d_model, given.lookback) == (width, lookback)


@pytest.mark.parametrize(
    ("name", "gib"), [("m1", 8 * 0.6), ("m2-max", 64 * 0.7), ("cuda", 80 * 0.9), ("cpu", 16 * 0.5)]
)
def test_the_memory_ceiling_leaves_room_for_the_system(machine: Callable[..., Any], name: str, gib: float) -> None:
    assert chips.advice(device.detect("auto", machine(name))).memory_ceiling_bytes == pytest.approx(gib * 2**30)


def test_a_small_chip_with_much_memory_keeps_to_the_ceiling_of_its_row(machine: Callable[..., Any]) -> None:
    given = chips.advice(device.detect("auto", machine("m1", memory=64 * 2**30)))
    assert given.memory_ceiling_bytes == 6 * 2**30


def test_a_chip_of_the_future_is_taken_for_the_newest_known(machine: Callable[..., Any]) -> None:
    given = chips.advice(device.detect("auto", machine("m2-max", cpu_name="Apple M9 Max")))
    assert given.batch_size_high == 1024
    assert "mixed_bfloat16" in given.precision_candidates


def test_a_gpu_of_an_intel_mac_gets_the_most_careful_advice(machine: Callable[..., Any]) -> None:
    given = chips.advice(device.detect("auto", machine("m1", cpu_name="Intel(R) Core(TM) i7")))
    assert (given.batch_size_high, given.precision_candidates) == (256, ("float32",))


def test_a_mac_that_computes_on_its_cpu_gets_advice_for_a_cpu(machine: Callable[..., Any]) -> None:
    assert chips.advice(device.detect("cpu", machine("m3-ultra"))).batch_size_high == 256


def test_every_row_of_the_table_is_complete_and_has_a_source() -> None:
    data = chips.table()
    for name, row in data["rows"].items():
        low, high = row["batch_size"]
        assert 1 <= low <= high, name
        assert 0 < row["share"] < 1, name
        assert row["sources"], name
        assert set(row["sources"]) <= set(data["sources"]), name
    for family, tiers in data["apple"].items():
        assert set(tiers) == {"base", "Pro", "Max", "Ultra"}, family
        assert set(tiers.values()) <= set(data["rows"]), family
    assert all(policies[0] == "float32" for policies in data["precision"].values())
