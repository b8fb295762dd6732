"""Preprocess a table: split by time, fit on train rows, select features, lay windows over one array.

Read :func:`run` and you know what preprocessing is. Fitted values use feature rows up to the last train origin, and
targets up to the last train label; nothing later can change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.preprocess.arrays import room_for
from components.preprocess.checks import entity_problems, horizon_problems, value_problems
from components.preprocess.columns import Columns, choose
from components.preprocess.config import PreprocessConfig
from components.preprocess.fitting import fit_features
from components.preprocess.manifest import describe, figures
from components.preprocess.rows import RAW, Rows, read_rows
from components.preprocess.splits import Splits, split_origins, split_panel, too_few_in_panel, too_few_rows
from components.preprocess.windows import fit_target, write_features, write_labels, write_starts
from components.shared import calendar
from components.shared.artifacts import Table
from components.shared.errors import InputError
from components.shared.files import new_folder
from components.shared.preprocessing import Preprocessing


def run(config: PreprocessConfig, table_path: str | Path, prepared_path: str | Path) -> dict[str, Any]:
    """Write the prepared artifact of a table; return its key figures.

    Args:
        config: the ``preprocess`` section.
        table_path: a table artifact.
        prepared_path: folder of the prepared artifact; it appears only when complete.

    Raises:
        InputError: the table cannot be used; holds every problem found. Or the disk is full. Nothing was written.
        ArtifactError: ``table_path`` is not a table artifact.
    """
    table = Table.open(table_path)
    columns = usable_columns(table, config)
    with room_for(prepared_path, table.rows, len(columns.features)), new_folder(prepared_path) as scratch:
        rows = read_rows(table, columns, scratch)
        splits = usable_splits(table, rows, columns, config)
        train = splits.origins["train"]
        target = fit_target(
            columns.target, rows.targets, train, config.horizon_rows, config.target_transform, config.scaling
        )
        fitted = fit_features(rows, columns, splits, target, config)
        manifest = describe(table, rows, columns, splits, target, fitted, config)
        write_features(scratch / "features.npy", rows.filled, list(fitted.features), list(fitted.features.values()))
        write_rows(scratch, rows, splits, manifest)
        manifest.write(scratch / "preprocessing.json")
        (scratch / RAW).unlink()
    return figures(manifest)


def usable_columns(table: Table, config: PreprocessConfig) -> Columns:
    """The columns to read.

    Raises:
        InputError: their roles or types cannot be used; says also whether the rows are too few.
    """
    computed = calendar.names(config.calendar, config.calendar_form)
    columns = choose(table.schema, target_history=config.target_history, calendar=computed)
    if isinstance(columns, Columns):
        return columns
    raise _unusable(table, [*columns, *_row_problems(table, config)])


def usable_splits(table: Table, rows: Rows, columns: Columns, config: PreprocessConfig) -> Splits:
    """Origin rows of each split.

    Raises:
        InputError: too few rows, or values that cannot be used.
    """
    problems, splits = _panel_splits(rows, config) if columns.entity else _series_splits(table, config)
    problems += horizon_problems(rows, config.horizon)
    problems += value_problems(rows, columns.target.name, config.target_transform, config.horizon_rows, splits)
    if problems or splits is None:
        raise _unusable(table, problems)
    return splits


def _series_splits(table: Table, config: PreprocessConfig) -> tuple[list[str], Splits | None]:
    problems = _row_problems(table, config)
    if problems:
        return problems, None
    return [], Splits.of_series([split_origins(table.rows, config.lookback, config.horizon_rows, config.split)], [0])


def _panel_splits(rows: Rows, config: PreprocessConfig) -> tuple[list[str], Splits | None]:
    if not rows.entities:
        return ["the table has 0 rows: check ingest.filter, ingest.start and ingest.end."], None
    if entity_problems(rows) or np.isnat(rows.times).any():
        return [], None  # said with the values; runs of rows that are no series say nothing about lengths
    splits = split_panel(rows.times, rows.series, config.lookback, config.horizon_rows, config.split)
    problem = too_few_in_panel(splits, rows.times, rows.series, config)
    return ([problem], None) if problem else ([], splits)


def write_rows(folder: Path, rows: Rows, splits: Splits, manifest: Preprocessing) -> None:
    """Write the labels and the window starts of each split; targets and times lie there since they were read."""
    write_labels(folder / "labels.npy", rows.targets, manifest.horizon, manifest.target, rows.series)
    for name, origins in splits.origins.items():
        write_starts(folder / f"starts-{name}.npy", origins, manifest.lookback)


def _row_problems(table: Table, config: PreprocessConfig) -> list[str]:
    problem = too_few_rows(table.rows, config.lookback, config.horizon_rows, config.split)
    return [problem] if problem else []


def _unusable(table: Table, problems: Sequence[str]) -> InputError:
    return InputError(problems, heading=f"the table {table.path} cannot be preprocessed:")
