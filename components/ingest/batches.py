"""Streams of record batches: keep the rows that pass, even out the sizes, make the next while one is written."""

from __future__ import annotations

import queue
import threading
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


def made_ahead(batches: Iterable[pa.RecordBatch], most: int = 2) -> Iterator[pa.RecordBatch]:
    """The same batches, made in a thread of its own up to ``most`` ahead of their use; errors come where they arise.

    Reading and checking then go on while Parquet compresses: both leave Python's lock to others for most of the time.
    The first batch is made in the caller's own thread: it may take a download or a sort, which an interrupt must end.
    """
    rest = iter(batches)
    first = next(rest, None)
    if first is None:
        return
    made: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(maxsize=most)
    unwanted = threading.Event()

    def put(item: pa.RecordBatch | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                made.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for batch in rest:
                put(batch)
                if unwanted.is_set():
                    return
        except BaseException as error:
            put(error)
        else:
            put(None)

    thread = threading.Thread(target=make, name="batches", daemon=True)
    thread.start()
    try:
        yield first
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        unwanted.set()
        thread.join()
