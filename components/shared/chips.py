"""Apple's chips by name, and the advice that goes with a machine, read from ``chips.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

if TYPE_CHECKING:
    from components.shared.device import Device

Tier = Literal["base", "Pro", "Max", "Ultra"]
TABLE = Path(__file__).with_name("chips.yaml")

_NAME = re.compile(r"Apple (M\d+)(?: (Pro|Max|Ultra))?\b")


@dataclass(frozen=True)
class Chip:
    """An Apple chip: ``family`` is its generation (M1, M2, …); ``gpu_cores`` is None where it could not be read."""

    family: str
    tier: Tier
    gpu_cores: int | None = None

    @classmethod
    def parse(cls, name: str, gpu_cores: int | None = None) -> Chip | None:
        """Read a chip from the processor's name as macOS gives it; None when it is no M-series chip.

        >>> Chip.parse("Apple M2 Max", 38)
        Chip(family='M2', tier='Max', gpu_cores=38)
        >>> Chip.parse("Intel(R) Core(TM) i7") is None
        True
        """
        found = _NAME.match(name.strip())
        return cls(found[1], cast(Tier, found[2] or "base"), gpu_cores) if found else None

    @property
    def name(self) -> str:
        return f"Apple {self.family}" + ("" if self.tier == "base" else f" {self.tier}")


@dataclass(frozen=True)
class Advice:
    """Where to start on a machine. Sizes are windows a step, model width, time steps; memory in bytes."""

    batch_size_low: int
    batch_size_high: int
    d_model: int
    lookback: int
    precision_candidates: tuple[str, ...]
    memory_ceiling_bytes: int
    sources: tuple[str, ...]


@cache
def table() -> dict[str, Any]:
    """The table of advice as it is in ``chips.yaml``."""
    return cast("dict[str, Any]", yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def advice(device: Device) -> Advice:
    """Look up what to start with on ``device``; the sources of each row come as whole sentences.

    A Mac whose network runs on its CPU gets the advice for a CPU: the rows of the chips are about their GPUs.
    """
    data = table()
    row_name, precision, sources = _row(device)
    row = data["rows"][row_name]
    low, high = row["batch_size"]
    ceiling = row["share"] * device.memory_bytes
    return Advice(
        batch_size_low=low,
        batch_size_high=high,
        d_model=row["d_model"],
        lookback=row["lookback"],
        precision_candidates=tuple(data["precision"][precision]),
        memory_ceiling_bytes=int(min(ceiling, row.get("most_gib", float("inf")) * 2**30)),
        sources=tuple(data["sources"][name] for name in [*row["sources"], *sources]),
    )


def _row(device: Device) -> tuple[str, str, list[str]]:
    """Names of the row and of the precisions of a device, and the sources of the latter."""
    if device.accelerator != "metal":
        return device.accelerator, device.accelerator, []
    if device.chip is None:  # a GPU of an Intel Mac, or a name to come: the most careful row
        return "small", "metal", []
    generations: dict[str, dict[str, str]] = table()["apple"]
    tiers = generations.get(device.chip.family) or list(generations.values())[-1]
    return tiers[device.chip.tier], "M1" if device.chip.family == "M1" else "newer", ["bfloat16"]
