"""The history of a training, one row an epoch: a CSV file that is whole after every epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from components.shared.files import new_file

NAME = "history.csv"
Row = dict[str, float]


def read(folder: Path) -> list[Row]:
    """Rows so far, oldest first; empty when there is no file yet."""
    path = folder / NAME
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def best(rows: Sequence[Row]) -> float:
    """Lowest validation loss; infinity when there is none, or none that is a finite number."""
    return min((row["val_loss"] for row in rows if math.isfinite(row["val_loss"])), default=math.inf)


def write(folder: Path, rows: Sequence[Row]) -> None:
    """Replace the file; ``epoch`` counts from 0."""
    with new_file(folder / NAME) as scratch, scratch.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else ["epoch"])
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
