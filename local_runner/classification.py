"""Confusion matrices and ROC curves of KFP's ``ClassificationMetrics``, as SVG for the report and the web page."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

KEYS = ("confusionMatrix", "confidenceMetrics")
"""Metadata that is drawn rather than printed."""

_TEXT, _FAINT, _LINE, _CURVE = "#1c2733", "#5b6775", "#c9d1d9", "#1f6feb"
_MOST_NUMBERED, _MOST_CLASSES, _LONGEST_LABEL = 20, 60, 16


@dataclass(frozen=True)
class Confusion:
    """Counts by actual class (rows) and predicted class (columns)."""

    labels: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Roc:
    """Points (false positive rate, recall, threshold) from the strictest threshold to the most lenient."""

    points: tuple[tuple[float, float, float], ...]

    @property
    def area(self) -> float:
        """Area under the curve, by trapezoids."""
        return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(self.points))


def confusion(metadata: Mapping[str, Any]) -> Confusion | None:
    """The confusion matrix in an artifact's metadata, None when there is none that can be read."""
    found = metadata.get(KEYS[0])
    if not isinstance(found, Mapping):
        return None
    try:
        labels = tuple(str(spec["displayName"]) for spec in found["annotationSpecs"])
        rows = tuple(tuple(float(value) for value in row["row"]) for row in found["rows"])
    except (KeyError, TypeError, ValueError):
        return None
    square = 0 < len(labels) <= _MOST_CLASSES and [len(row) for row in rows] == [len(labels)] * len(labels)
    counts = all(math.isfinite(value) and value >= 0 for row in rows for value in row)
    return Confusion(labels, rows) if square and counts else None


def roc(metadata: Mapping[str, Any]) -> Roc | None:
    """The ROC curve in an artifact's metadata, None when there is none that can be read."""
    try:
        points = [
            (float(point["falsePositiveRate"]), float(point["recall"]), float(point.get("confidenceThreshold", 0.0)))
            for point in metadata.get(KEYS[1]) or ()
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    inside = all(0 <= x <= 1 and 0 <= y <= 1 for x, y, _ in points)
    return Roc(tuple(sorted(points))) if len(points) > 1 and inside else None


def drawings(metadata: Mapping[str, Any]) -> list[str]:
    """Every drawing an artifact's metadata gives."""
    matrix, curve = confusion(metadata), roc(metadata)
    return [*([confusion_svg(matrix)] if matrix else []), *([roc_svg(curve)] if curve else [])]


def confusion_svg(matrix: Confusion) -> str:
    """Draw a matrix: each row shaded by its shares, so that rare classes are as readable as frequent ones."""
    count = len(matrix.labels)
    numbered = count <= _MOST_NUMBERED
    longest = max(len(_short(label)) for label in (*matrix.labels, "actual"))
    wide, high, left, top = (64, 34, 20 + 7.5 * longest, 44) if numbered else (14, 14, 20, 44)
    shapes = [_text(left + count * wide / 2, 16, "predicted", anchor="middle", colour=_FAINT)]
    shapes.append(_text(left - 8, top - 8, "actual", anchor="end", colour=_FAINT) if numbered else "")
    for i, (label, row) in enumerate(zip(matrix.labels, matrix.rows, strict=True)):
        y, total = top + i * high, sum(row) or 1.0
        if numbered:
            shapes.append(_text(left - 8, y + high / 2 + 4, _short(label), anchor="end"))
            shapes.append(_text(left + (i + 0.5) * wide, top - 8, _short(label, 9), anchor="middle"))
        for j, value in enumerate(row):
            tip = f"actual {label}, predicted {matrix.labels[j]}: {value:g} of {total:g} ({value / total:.0%})"
            shapes.append(_cell(left + j * wide, y, wide, high, value, value / total, tip, numbered))
    words = f"Confusion matrix of {count} classes; rows are actual, columns predicted classes"
    return _svg(left + count * wide + 8, top + count * high + 8, words, shapes)


def _cell(x: float, y: float, wide: float, high: float, value: float, share: float, tip: str, numbered: bool) -> str:
    number = _text(
        x + wide / 2, y + high / 2 + 4, f"{value:g}", anchor="middle", colour="#fff" if share > 0.55 else _TEXT
    )
    return (
        f'<g><title>{html.escape(tip)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1}" height="{high - 1}" '
        f'fill="{_shade(share)}"/>{number if numbered else ""}</g>'
    )


def _shade(share: float) -> str:
    """White to blue."""
    low, high = (240, 244, 249), (18, 85, 178)
    red, green, blue = (round(a + (b - a) * min(max(share, 0.0), 1.0)) for a, b in zip(low, high, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def roc_svg(curve: Roc) -> str:
    """Draw a curve with its diagonal and its area."""
    side, left, top = 220, 48, 28

    def at(x: float, y: float) -> str:
        return f"{left + x * side:.1f},{top + (1 - y) * side:.1f}"

    line = " ".join(at(x, y) for x, y, _ in curve.points)
    shapes = [
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="#fff" stroke="{_LINE}"/>',
        f'<path d="M{at(0, 0)} L{at(1, 1)}" stroke="{_LINE}" stroke-dasharray="4 4"/>',
        f'<polyline points="{line}" fill="none" stroke="{_CURVE}" stroke-width="2"/>',
        *(
            _point(at(x, y), f"threshold {t:g}: recall {y:.3g}, false positives {x:.3g}")
            for x, y, t in curve.points[:200]
        ),
        *(_text(left + x * side, top + side + 16, f"{x:g}", anchor="middle", colour=_FAINT) for x in (0, 0.5, 1)),
        *(_text(left - 6, top + (1 - y) * side + 4, f"{y:g}", anchor="end", colour=_FAINT) for y in (0, 0.5, 1)),
        _text(left + side / 2, top + side + 34, "false positive rate", anchor="middle", colour=_FAINT),
        _text(left, 16, f"recall (area under the curve {curve.area:.3f})", colour=_FAINT),
    ]
    return _svg(left + side + 24, top + side + 44, f"ROC curve, area {curve.area:.3f}", shapes)


def _point(place: str, tip: str) -> str:
    x, y = place.split(",")
    return f'<circle cx="{x}" cy="{y}" r="3" fill="{_CURVE}"><title>{html.escape(tip)}</title></circle>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = _TEXT) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(words)}</text>'


def _svg(width: float, height: float, words: str, shapes: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{html.escape(words)}" '
        f'font-family="system-ui, sans-serif" font-size="12">{"".join(shapes)}</svg>'
    )


def _short(label: str, length: int = _LONGEST_LABEL) -> str:
    return label if len(label) <= length else f"{label[: length - 1]}…"
