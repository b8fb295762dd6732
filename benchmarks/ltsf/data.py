"""Read a wide CSV (`date` and one column a series), split it in time order, standardise by its train rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.train.models.kind import WindowShape
from components.train.source import WindowSource

ETT_ROWS = (8640, 11520, 14400)
"""Last rows, exclusive, of train, validation and test on the hourly ETT files: 12, 4 and 4 months of 30 days."""


@dataclass(frozen=True)
class Series:
    """Standardised values (rows, channels), covariates of their times by name, and where each split ends."""

    name: str
    values: NDArray[np.float32]
    covariates: dict[str, NDArray[np.float32]]
    ends: tuple[int, int, int]

    def source(self, lookback: int, horizon: int, covariates: str = "none", *, ahead: bool = False) -> WindowSource:
        """Windows of every split at stride 1; those of validation and test begin ``lookback`` rows before it."""
        known = self.covariates[covariates]
        features = np.ascontiguousarray(np.concatenate([self.values, known], axis=1, dtype=np.float32))
        train, validation, test = self.ends
        bounds = {"train": (lookback, train), "validation": (train, validation), "test": (validation, test)}
        starts = {
            split: np.arange(first - lookback, last - lookback - horizon + 1) for split, (first, last) in bounds.items()
        }
        shape = WindowShape(
            lookback=lookback,
            features=features.shape[1],
            steps=horizon,
            channels=self.values.shape[1],
            known=known.shape[1],
            ahead=horizon if ahead and known.shape[1] else 0,
        )
        return WindowSource(features, np.zeros(0, np.float32), starts, shape)


def read(path: Path, split: str) -> Series:
    """Read a file; ``split`` is ``ett`` (rows) or ``ratio`` (70/10/20 %)."""
    table = pd.read_csv(path, parse_dates=["date"])
    values = table.drop(columns="date").to_numpy(float)
    rows = len(values)
    ends = ETT_ROWS if split == "ett" else (int(rows * 0.7), rows - int(rows * 0.2), rows)
    center, scale = values[: ends[0]].mean(axis=0), values[: ends[0]].std(axis=0)
    standard = ((values - center) / scale).astype(np.float32)
    return Series(path.stem.lower(), standard, _covariates(table["date"]), ends)


def _covariates(times: pd.Series) -> dict[str, NDArray[np.float32]]:
    """Calendar marks as the papers use them, in -0.5..0.5, and an indicator of each hour where rows are hours."""
    at, rows = times.dt, len(times)
    marks = [(at.dayofweek, 6), (at.day - 1, 30), (at.dayofyear - 1, 365)]
    hourly = (times.diff().dropna() < pd.Timedelta(days=1)).all()
    if hourly:
        marks.insert(0, (at.hour, 23))
    none = np.zeros((rows, 0), np.float32)
    return {
        "none": none,
        "marks": np.stack([value / largest - 0.5 for value, largest in marks], axis=1).astype(np.float32),
        "hours": np.eye(24, dtype=np.float32)[at.hour] if hourly else none,
    }
