"""Seeded tables with the blemishes of real panels, written as table artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.shared.artifacts import Table, write_table
from components.shared.schema import Column, Role, Schema

ROWS = 420

Values = dict[str, Any]
WriteTable = Callable[..., Table]


@pytest.fixture
def values() -> Values:
    """A random walk and features: a leading gap, holes, a constant, whole numbers, truth values and words."""
    rng = np.random.default_rng(11)
    price = 50.0 + rng.normal(0, 0.5, ROWS).cumsum()
    late = rng.normal(3.0, 2.0, ROWS)
    late[:25] = np.nan
    holed = rng.gamma(2.0, 100.0, ROWS)
    holed[rng.random(ROWS) < 0.2] = np.nan
    return {
        "day": np.datetime64("2020-01-01", "D") + np.arange(ROWS),
        "late": late,
        "holed": holed,
        "flat": np.full(ROWS, 7.0),
        "count": rng.integers(0, 1000, ROWS),
        "weekend": np.arange(ROWS) % 7 > 4,
        "word": ["corn"] * ROWS,
        "price": price,
    }


@pytest.fixture
def write(tmp_path: Path) -> WriteTable:
    """``write(values, roles=..., name=..., batch=...)`` makes a table artifact under the test's own folder."""

    def write_values(
        values: Mapping[str, Any], *, roles: Mapping[str, str] | None = None, name: str = "table"
    ) -> Table:
        roles = {"day": Role.TIME, "price": Role.TARGET, **(roles or {})}
        arrow = pa.table({column: pa.array(cells, from_pandas=True) for column, cells in values.items()})
        dtypes = {"double": "float64", "int64": "int64", "bool": "bool", "string": "string"}
        dtypes |= {"date32[day]": "date", "timestamp[us]": "timestamp"}
        columns = [
            Column(name=field.name, dtype=dtypes[str(field.type)], role=roles.get(field.name, Role.FEATURE))
            for field in arrow.schema
        ]
        return write_table(tmp_path / name, Schema(columns=tuple(columns)), arrow.to_batches())

    return write_values
