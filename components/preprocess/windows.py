"""Labels, window starts and the scaled feature array. A window is never copied: it is a start in one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.arrays import allocate, let_go
from components.preprocess.scaling import center_and_scale
from components.shared.preprocessing import FeatureScaling, TargetScaling, TargetTransform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.preprocess.config import Scaling
    from components.shared.schema import Column

BLOCK_BYTES = 8 << 20


def raw_labels(
    targets: NDArray[np.float64], origins: Sequence[int] | NDArray[np.int64], horizon: int, transform: TargetTransform
) -> NDArray[np.float64]:
    """Labels of the rows ``origins`` before scaling, shape (origins,)."""
    unscaled = TargetScaling(name="", transform=transform, center=0.0, scale=1.0)
    rows = np.asarray(origins)
    return unscaled.label(targets[rows + horizon], targets[rows])


def fit_target(
    column: Column,
    targets: NDArray[np.float64],
    train: Sequence[int] | NDArray[np.int64],
    horizon: int,
    transform: TargetTransform,
    kind: Scaling,
) -> TargetScaling:
    """Fit the label's centre and scale on the labels of the ``train`` origins."""
    center, scale = center_and_scale(raw_labels(targets, train, horizon, transform), kind)
    return TargetScaling(name=column.name, unit=column.unit, transform=transform, center=center, scale=scale)


def label_rows(
    targets: NDArray[np.float64], horizon: int, scaling: TargetScaling, series: Iterable[slice] = (slice(None),)
) -> NDArray[np.float32]:
    """Scaled label of each row as an origin, shape (rows,); NaN in the last ``horizon`` rows of each series."""
    labels = np.full(len(targets), np.nan, dtype=np.float32)
    for rows in series:
        own = targets[rows]
        labels[rows][:-horizon] = scaling.label(own[horizon:], own[:-horizon])
    return labels


def window_starts(origins: Sequence[int] | NDArray[np.int64], lookback: int) -> NDArray[np.int64]:
    """First rows of the windows that end at ``origins``, shape (origins,)."""
    return np.asarray(origins, dtype=np.int64) - (lookback - 1)


def write_features(
    path: Path, filled: NDArray[np.float64], positions: Sequence[int], scalings: Sequence[FeatureScaling]
) -> None:
    """Scale and interleave features: ``filled[positions]`` (features, rows) to a float32 (rows, features) file.

    Memory is bounded by a block of rows, whatever the table's length.
    """
    rows = filled.shape[1]
    features = allocate(path, (rows, len(positions)), np.float32)
    block = max(1, BLOCK_BYTES // (8 * len(positions)))
    for start in range(0, rows, block):
        end = min(start + block, rows)
        for column, (position, scaling) in enumerate(zip(positions, scalings, strict=True)):
            features[start:end, column] = scaling.apply(filled[position, start:end])
        let_go(filled)
        let_go(features)
    features.flush()  # type: ignore[attr-defined]
