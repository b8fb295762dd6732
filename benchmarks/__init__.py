"""Measurements against named peers; each prints ratios, and with `--json` one line a figure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure beside the same figure of the peer; ``ratio`` is ours / peer."""

    name: str
    ours: float
    peer: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    def as_json(self) -> str:
        values = {"name": self.name, "ours": self.ours, "peer": self.peer, "ratio": self.ratio, "unit": self.unit}
        rounded = {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in values.items()}
        return json.dumps(rounded)


def show(figures: Iterable[Figure], *, peer: str, as_json: bool) -> None:
    """Print each figure as it comes: for people, or one JSON object a line."""
    for figure in figures:
        if as_json:
            print(figure.as_json(), flush=True)
        else:
            factor = f"{figure.peer / figure.ours:,.1f} x less" if figure.ratio < 1 else f"{figure.ratio:,.2f} x"
            line = f"{figure.name:34} {figure.ours:>12,.4g} {figure.unit}, {peer} {figure.peer:,.4g} {figure.unit}"
            print(f"{line}, {factor}", flush=True)
