"""From changed columns to what the model takes: preprocessing is repeated, for many variants of one frame at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.history import Columns, Frame
    from components.shared.artifacts import Inputs, TrainedModel


def inputs(model: TrainedModel, frame: Frame, variants: Sequence[Columns]) -> Inputs:
    """The model's inputs for variants of a frame, by name: ``window`` (variants, lookback, features), and ``ahead``.

    Args:
        model: whose preprocessing is repeated.
        frame: the rows; no feature of its window is missing, so stacked variants cannot fill from each other.
        variants: of each, the columns that differ from the frame's.
    """
    preprocessing, stop = model.preprocessing, frame.origin + 1
    features = [f.name for f in preprocessing.features if f.name not in preprocessing.calendar]
    rows = slice(stop - preprocessing.lookback, stop)
    window = preprocessing.transform(_stacked(model, frame, variants, rows, features))
    found = {"window": window.reshape(len(variants), preprocessing.lookback, -1)}
    if "ahead" in model.input_names:
        rows = slice(stop, stop + preprocessing.horizon)
        known = features_ahead(model)
        ahead = preprocessing.transform_known(_stacked(model, frame, variants, rows, known))
        found["ahead"] = ahead.reshape(len(variants), preprocessing.horizon, -1)
    return found


def features_ahead(model: TrainedModel) -> list[str]:
    """Features known ahead that the model reads past the origin and that no calendar computes."""
    preprocessing = model.preprocessing
    known = preprocessing.feature_names[len(preprocessing.feature_names) - preprocessing.known :]
    return [n for n in known if n not in preprocessing.calendar] if "ahead" in model.input_names else []


def origin_values(model: TrainedModel, frame: Frame, variants: Sequence[Columns]) -> NDArray[np.float64]:
    """The target at the origin in each variant, (variants,)."""
    name = model.preprocessing.target.name
    return np.asarray([variant.get(name, frame.columns[name])[frame.origin] for variant in variants])


def _stacked(
    model: TrainedModel, frame: Frame, variants: Sequence[Columns], rows: slice, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Columns of all variants, one under the other, each (variants * rows,)."""
    preprocessing, count = model.preprocessing, len(variants)
    times = frame.times[rows]
    columns: dict[str, NDArray[Any]] = {preprocessing.time: np.tile(times, count)}
    if preprocessing.entity:
        columns[preprocessing.entity] = np.repeat(np.arange(count), len(times))
    for name in names:
        plain = frame.columns[name][rows]
        columns[name] = np.concatenate([v[name][rows] if name in v else plain for v in variants])
    return columns
