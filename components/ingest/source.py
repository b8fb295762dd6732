"""What a source is to the rest of ingest: column types it offers, and a stream of record batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.ingest.filters import Condition
from components.ingest.notation import PLAIN, Notation

FirstRows = Callable[[Sequence[str]], pa.RecordBatch]


@dataclass(frozen=True)
class Request:
    """The part of a source that is wanted.

    ``conditions`` let a source skip rows early; it may ignore those it cannot evaluate, because every row is filtered
    again once its cells have their final types. ``order_by`` is for sources whose rows have no order of their own.
    ``workspace`` is a folder for what a source must keep on disk, so that an attempt that was killed goes on; without
    one nothing is kept.
    """

    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order_by: tuple[str, ...] = ()
    batch_rows: int = 65_536
    workspace: Path | None = None


@dataclass(frozen=True)
class Source:
    """An opened source.

    ``problems`` grows while reading, with rows that have no batch to be reported in (a CSV line with too few cells).
    ``first_rows`` reads some columns of the first rows as text, where types are a guess from text (CSV), and
    ``notation`` says how that text is to be read.
    ``facts`` are plain values worth keeping with the table, such as the bytes a query reads. ``ordered`` sources give
    rows in the order that a request asks for.
    """

    name: str
    schema: pa.Schema
    read: Callable[[Request], Iterator[pa.RecordBatch]]
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    first_rows: FirstRows | None = None
    notation: Notation = PLAIN
    ordered: bool = False
