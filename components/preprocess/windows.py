"""Labels, window starts and the scaled feature array. A window is never copied: it is a start in one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.arrays import allocate, let_go
from components.preprocess.column_fit import Values, scale_of
from components.preprocess.origins import Origins, in_blocks
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


def train_labels(targets: NDArray[np.float64], train: Origins, horizon: int, transform: TargetTransform) -> Values:
    """Labels of the ``train`` origins before scaling, in blocks."""
    unscaled = TargetScaling(name="", transform=transform, center=0.0, scale=1.0)

    def blocks() -> Iterator[NDArray[np.float64]]:
        for rows in train.blocks():
            yield unscaled.label(targets[rows.start + horizon : rows.stop + horizon], targets[rows])
            let_go(targets)

    return Values(blocks, len(train))


def fit_target(
    column: Column,
    targets: NDArray[np.float64],
    train: Origins,
    horizon: int,
    transform: TargetTransform,
    kind: Scaling,
) -> TargetScaling:
    """Fit the label's centre and scale on the labels of the ``train`` origins."""
    center, scale = scale_of(train_labels(targets, train, horizon, transform), kind)
    return TargetScaling(name=column.name, unit=column.unit, transform=transform, center=center, scale=scale)


def write_labels(
    path: Path, targets: NDArray[np.float64], horizon: int, scaling: TargetScaling, series: Iterable[slice]
) -> None:
    """Scaled label of each row as an origin, float32 (rows,); NaN in the last ``horizon`` rows of each series."""
    labels = allocate(path, targets.shape, np.float32)
    for part in series:
        known = range(part.start, max(part.start, part.stop - horizon))
        for rows in in_blocks(known):
            labels[rows] = scaling.label(targets[rows.start + horizon : rows.stop + horizon], targets[rows])
            let_go(labels)
            let_go(targets)
        labels[known.stop : part.stop] = np.nan
    labels.flush()  # type: ignore[attr-defined]


def write_starts(path: Path, origins: Origins, lookback: int) -> None:
    """First rows of the windows that end at ``origins``, int64 (origins,)."""
    starts = allocate(path, (len(origins),), np.int64)
    done = 0
    for rows in origins.blocks():
        count = rows.stop - rows.start
        starts[done : done + count] = np.arange(rows.start, rows.stop) - (lookback - 1)
        done += count
        let_go(starts)
    starts.flush()  # type: ignore[attr-defined]


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
