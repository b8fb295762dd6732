"""Streams of record batches: keep the rows that pass, and even out the sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.casting import Unreadable
from components.ingest.filters import Condition, mask_of


def rows_where(
    conditions: Sequence[Condition], batch: pa.RecordBatch, unreadable: dict[str, Unreadable]
) -> tuple[pa.RecordBatch, dict[str, Unreadable]]:
    """Rows that pass every condition.

    A row whose cell under a condition is unreadable is kept: dropping it would hide what must be reported.
    """
    mask = mask_of(conditions, batch)
    if mask is None:
        return batch, unreadable
    for name in {condition.column for condition in conditions} & unreadable.keys():
        mask = pc.or_(mask, unreadable[name].mask)
    if mask.true_count == batch.num_rows:
        return batch, unreadable
    kept = {n: Unreadable(bad.mask.filter(mask), bad.originals.filter(mask)) for n, bad in unreadable.items()}
    return batch.filter(mask), kept


def of_size(rows: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of ``rows``, the last one smaller: each becomes a row group of the Parquet written."""
    waiting: list[pa.RecordBatch] = []
    waiting_rows = 0
    for batch in batches:
        waiting.append(batch)
        waiting_rows += batch.num_rows
        while waiting_rows >= rows:
            joined = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
            yield joined.slice(0, rows)
            waiting, waiting_rows = [joined.slice(rows)], waiting_rows - rows
    if waiting_rows:
        yield pa.concat_batches(waiting)
