"""Some rows of a table file, without reading the rest: Parquet by its footer, CSV line by line, NumPy mapped."""

from __future__ import annotations

import csv
import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_runner.serve.shown import cut, figure

ROWS = 50
"""Rows of one page."""

MOST_COLUMNS = 200
_LONGEST_CELL = 120


@dataclass(frozen=True)
class Table:
    """Rows ``first`` to ``first + len(rows)`` (from 0) of a table.

    Attributes:
        columns: name and type of each column shown; the type is empty when the format has none.
        rows: cells as text; ``numeric`` says which columns hold numbers.
        total: rows of the whole table, None when only reading all of it could tell.
        more: there are rows after these.
        hidden: columns left out.
    """

    columns: tuple[tuple[str, str], ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    first: int
    total: int | None
    more: bool
    hidden: int = 0


class UnreadableTable(Exception):  # noqa: N818  (said to the reader of the page, not raised to a caller's surprise)
    """The file is not, or not quite, what its name says."""


def parquet(paths: Sequence[Path], page: int) -> Table:
    """One page of the rows of several Parquet files, one after the other.

    Raises:
        UnreadableTable: a file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footers = [pq.ParquetFile(path) for path in paths]
        schema = footers[0].schema_arrow
        names = schema.names[:MOST_COLUMNS]
        total = sum(footer.metadata.num_rows for footer in footers)
        rows: list[tuple[str, ...]] = []
        first, passed = page * ROWS, 0
        for footer in footers:
            count = footer.metadata.num_rows
            if len(rows) < ROWS and passed + count > first:
                rows += _slice(footer, names, max(first - passed, 0), ROWS - len(rows))
            passed += count
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise UnreadableTable(f"not readable as Parquet: {error}") from error
    columns = tuple((name, str(schema.field(name).type)) for name in names)
    numeric = tuple(kind.startswith(("int", "uint", "float", "double", "decimal")) for _, kind in columns)
    hidden = len(schema.names) - len(names)
    return Table(columns, numeric, tuple(rows), first, total, first + len(rows) < total, hidden)


def _slice(footer: Any, names: Sequence[str], skip: int, count: int) -> list[tuple[str, ...]]:
    """``count`` rows after the first ``skip``; row groups before them are not read."""
    rows: list[tuple[str, ...]] = []
    for group in range(footer.metadata.num_row_groups):
        size = footer.metadata.row_group(group).num_rows
        if skip >= size:
            skip -= size
            continue
        for batch in footer.iter_batches(batch_size=4096, row_groups=[group], columns=list(names)):
            if skip < batch.num_rows:
                rows += [_cells(row.values()) for row in batch.slice(skip, count - len(rows)).to_pylist()]
            skip = max(skip - batch.num_rows, 0)
            if len(rows) >= count:
                return rows
    return rows


def delimited(path: Path, page: int) -> Table:
    """One page of the rows of a CSV or TSV file.

    Raises:
        UnreadableTable: it is no text, or no table.
    """
    first = page * ROWS
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            header = next(reader, [])
            found = [_cells(row) for row in itertools.islice(reader, first, first + ROWS + 1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableTable(f"not readable as CSV: {error}") from error
    wide = max(map(len, [header, *found]))
    names = [*header, *[""] * (wide - len(header))][:MOST_COLUMNS]
    rows = tuple((*row, *[""] * (wide - len(row)))[:MOST_COLUMNS] for row in found[:ROWS])
    numeric = tuple(all(_is_number(row[i]) for row in rows) for i in range(len(names)))
    more = len(found) > ROWS
    total = None if more else first + len(rows)
    return Table(tuple((name, "") for name in names), numeric, rows, first, total, more, max(wide - MOST_COLUMNS, 0))


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def array(path: Path, page: int) -> Table:
    """One page of a NumPy file: rows by columns; more than two axes are flattened to rows of the last one.

    Raises:
        UnreadableTable: it holds objects, or is damaged.
    """
    import numpy as np

    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableTable(f"not readable as a NumPy array: {error}") from error
    if not isinstance(values, np.ndarray) or values.dtype.names or values.ndim == 0 or values.size == 0:
        raise UnreadableTable(f"a NumPy array without rows: {getattr(values, 'dtype', 'several arrays')}")
    lines = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(-1, 1)
    first = page * ROWS
    shown = lines[first : first + ROWS, :MOST_COLUMNS]
    columns = tuple((str(i), str(values.dtype)) for i in range(shown.shape[1]))
    rows = tuple(_cells(row) for row in shown.tolist())
    hidden = lines.shape[1] - shown.shape[1]
    return Table(columns, (True,) * len(columns), rows, first, len(lines), first + len(rows) < len(lines), hidden)


def _cells(row: Any) -> tuple[str, ...]:
    return tuple(_cell(value) for value in row)


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime.datetime):  # a day is a moment in most tables
        return str(value.date() if value.time() == datetime.time() and value.tzinfo is None else value)
    return cut(figure(value), _LONGEST_CELL)
