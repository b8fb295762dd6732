"""The twin's table: a row a window, the very columns that the local trees take, its label and its split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.bigquery_twin.statements import LABEL, ROW, SPLIT, VALIDATION
from components.shared.boosted import WindowColumns
from components.shared.preprocessing import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

    from components.shared.artifacts import Prepared
    from components.train.models.dart import DartConfig


def window_columns(model: DartConfig, prepared: Prepared) -> WindowColumns:
    """What a window becomes under this model's lags and spans."""
    manifest = prepared.preprocessing
    names = tuple(manifest.feature_names)
    own_history = bool(names) and names[0] == manifest.target.name
    return WindowColumns(names, manifest.lookback, model.lags, model.spans, own_history)


def column_names(columns: WindowColumns) -> list[str]:
    """``x0``, ``x1``, …: feature names may hold what BigQuery does not take in a column's name."""
    return [f"x{position}" for position in range(len(columns.names))]


def table(columns: WindowColumns, prepared: Prepared) -> pa.Table:
    """Every window of every split, oldest first; ``row`` is its origin in the prepared arrays.

    The readable name of each column stands in its field's metadata as ``description``.
    """
    import pyarrow as pa

    starts = {split: np.asarray(prepared.starts(split)) for split in SPLITS}
    rows = {split: prepared.origins(found) for split, found in starts.items()}
    values = np.concatenate([columns.of(prepared.windows(found)) for found in starts.values()])
    names = [split for split, found in starts.items() for _ in found]
    fields = [
        pa.field(name, pa.float64(), metadata={"description": described})
        for name, described in zip(column_names(columns), columns.names, strict=True)
    ]
    fields += [
        pa.field(LABEL, pa.float64()),
        pa.field(ROW, pa.int64()),
        pa.field(SPLIT, pa.string()),
        pa.field(VALIDATION, pa.bool_()),
    ]
    origins = np.concatenate(list(rows.values()))
    arrays = [pa.array(column.astype(np.float64)) for column in values.T]
    arrays += [
        pa.array(np.asarray(prepared.labels[origins], dtype=np.float64)),
        pa.array(origins, pa.int64()),
        pa.array(names, pa.string()),
        pa.array([split == "validation" for split in names], pa.bool_()),
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
