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
        ("m2-max", (512, 768), ("float32", "mixed_bfloat16", "mixed_float16")),
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


def test_the_memory_ceiling_leaves_room_for_the_system(machine: Callable[..., Any]) -> None:
    found = device.detect("auto", machine("m1"))
    assert 0.3 * found.memory_bytes < chips.advice(found).memory_ceiling_bytes < 0.8 * found.memory_bytes


def test_a_chip_of_the_future_is_taken_for_the_newest_known(machine: Callable[..., Any]) -> None:
    newest = chips.advice(device.detect("auto", machine("m2-max", cpu_name="Apple M9 Max")))
    assert newest.precision_candidates == tuple(chips.table()["apple_precision"]["M5"])


def test_a_mac_that_computes_on_its_cpu_gets_advice_for_a_cpu(machine: Callable[..., Any]) -> None:
    assert chips.advice(device.detect("cpu", machine("m3-ultra"))).batch_size_high == 256


def test_every_row_of_the_table_is_complete_and_has_a_source() -> None:
    table = chips.table()
    rows = {**table["apple"], **table["other"]}
    assert set(table["apple"]) == {"base", "Pro", "Max", "Ultra"}
    for name, row in rows.items():
        low, high = row["batch_size"]
        assert 1 <= low <= high, name
        assert 0 < row["memory"] < 1, name
        assert row["sources"], name
        assert set(row["sources"]) <= set(table["sources"]), name
