"""Counters, gauges and histograms in Prometheus's text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/ is the format. All of it is written by the event loop's
thread, so nothing here is locked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass
class Counter:
    """A number that only grows, one a combination of labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, *labels: str, by: float = 1) -> None:
        self.values[labels] = self.values.get(labels, 0) + by

    def lines(self) -> list[str]:
        found = self.values if self.labels else {(): self.values.get((), 0)}
        return [*_head(self, "counter"), *(_line(self.name, zip(self.labels, labels, strict=True), value)
                                           for labels, value in sorted(found.items()))]  # fmt: skip


@dataclass
class Gauge:
    """A number that is asked for when it is shown."""

    name: str
    help: str
    ask: Callable[[], float]

    def lines(self) -> list[str]:
        return [*_head(self, "gauge"), _line(self.name, (), self.ask())]


@dataclass
class Histogram:
    """How often a value was at most each of some bounds."""

    name: str
    help: str
    bounds: Sequence[float]
    total: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self) -> list[str]:
        out, cumulated = _head(self, "histogram"), 0
        for bound, count in zip([*self.bounds, float("inf")], self.counts, strict=True):
            cumulated += count
            text = "+Inf" if bound == float("inf") else f"{bound:g}"
            out.append(_line(f"{self.name}_bucket", [("le", text)], cumulated))
        return [*out, _line(f"{self.name}_sum", (), self.total), _line(f"{self.name}_count", (), cumulated)]


Metric = Counter | Gauge | Histogram


def exposition(metrics: Sequence[Metric]) -> str:
    """All metrics as one page of text."""
    return "\n".join(line for metric in metrics for line in metric.lines()) + "\n"


def _head(metric: Metric, kind: str) -> list[str]:
    return [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {kind}"]


def _line(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{pairs}}} {value:.17g}" if pairs else f"{name} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
