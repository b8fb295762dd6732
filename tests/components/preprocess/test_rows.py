from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.preprocess import rows as rows_module
from components.preprocess.columns import Columns, choose
from components.preprocess.rows import Rows, read_rows
from components.shared.artifacts import Table

Values = dict[str, Any]
WriteTable = Callable[..., Table]
ROWS = 420
"""Rows of the ``values`` fixture."""


def read(table: Table, folder: Path) -> tuple[Columns, Rows]:
    columns = choose(table.schema, target_history=True)
    assert isinstance(columns, Columns)
    return columns, read_rows(table, columns, folder)


def read_in_batches_of(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    columns_read = 7
    monkeypatch.setattr(rows_module, "BATCH_BYTES", 8 * columns_read * count)


@pytest.mark.parametrize("batch", [7, 50, ROWS])
def test_the_last_value_is_carried_across_batches(
    values: Values, write: WriteTable, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in_batches_of(batch, monkeypatch)
    columns, rows = read(write(values), tmp_path)
    for position, name in enumerate(columns.features):
        expected = np.asarray(values[name], dtype=float).copy()
        for row in range(1, ROWS):
            if np.isnan(expected[row]):
                expected[row] = expected[row - 1]
        np.testing.assert_array_equal(rows.filled[position], expected, err_msg=name)


def test_times_and_targets_are_read_in_order(values: Values, write: WriteTable, tmp_path: Path) -> None:
    _, rows = read(write(values), tmp_path)
    assert rows.times.dtype == np.dtype("datetime64[us]")
    np.testing.assert_array_equal(rows.times, values["day"])
    np.testing.assert_array_equal(rows.targets, values["price"])


def test_missing_targets_are_not_filled(values: Values, write: WriteTable, tmp_path: Path) -> None:
    values["price"][5] = np.nan
    _, rows = read(write(values), tmp_path)
    assert np.isnan(rows.targets[5])


def test_infinite_values_are_counted_and_placed_across_batches(
    values: Values, write: WriteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in_batches_of(50, monkeypatch)
    values["holed"][[3, 60, 61, 300]] = [np.inf, -np.inf, 1e39, -1e39]
    values["late"][400] = np.inf
    _, rows = read(write(values), tmp_path)
    assert {name: (cells.count, cells.first) for name, cells in rows.infinite.items()} == {
        "holed": (4, [3, 60, 61]),
        "late": (1, [400]),
    }
