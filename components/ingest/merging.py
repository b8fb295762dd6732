"""Put the rows of several streams into one order: by merging where each came in order, else by sorting."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.shards import Shard
from components.ingest.sorting import sorted_rows

Batches = Iterator[pa.RecordBatch]


def in_order(
    streams: Sequence[Sequence[Shard]], schema: pa.Schema, order: Sequence[str], batch_rows: int, scratch: Path
) -> Batches:
    """Rows of all streams in ascending order of the columns ``order``; memory grows with the streams, not the rows.

    Args:
        streams: the shards of each, in the order of their rows.
        schema: of their columns.
        order: columns that rows are ordered by; with none they come stream after stream.
        batch_rows: rows a batch, where they are sorted.
        scratch: a folder on a disk with room for the rows, used only where they have to be sorted.
    """
    if not order:
        yield from chain.from_iterable(map(_rows, streams))
    elif all(is_sorted(_rows(shards, order), order) for shards in streams):
        yield from merged([_rows(shards) for shards in streams], order)
    else:
        rows = pa.RecordBatchReader.from_batches(schema, chain.from_iterable(map(_rows, streams)))
        with tempfile.TemporaryDirectory(prefix="sort-", dir=scratch) as folder:
            yield from sorted_rows(rows, order, batch_rows, folder)


def _rows(shards: Sequence[Shard], columns: Sequence[str] | None = None) -> Batches:
    return chain.from_iterable(shard.batches(columns) for shard in shards)


def is_sorted(batches: Iterable[pa.RecordBatch], order: Sequence[str]) -> bool:
    """Whether rows ascend by the columns ``order``; rows without a value there count as out of order."""
    last: tuple[Any, ...] | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        if any(batch.column(name).null_count for name in order):
            return False
        if last is not None and _key(batch, order, 0) < last:
            return False
        if not _ascends([batch.column(name) for name in order]):
            return False
        last = _key(batch, order, batch.num_rows - 1)
    return True


def _ascends(columns: Sequence[pa.Array]) -> bool:
    """Whether each row's values are at least those of the row before, the first column counting most."""
    before, after = columns[0].slice(0, len(columns[0]) - 1), columns[0].slice(1)
    if len(columns) == 1:
        return not len(after) or bool(pc.all(pc.greater_equal(after, before)).as_py())
    if not len(after):
        return True
    if not pc.all(pc.greater_equal(after, before)).as_py():
        return False
    same = pc.equal(after, before)
    # Where the first column says the same, the others decide; where it differs, they may begin anew.
    starts = [0, *pc.indices_nonzero(pc.invert(same)).cast(pa.int64()).to_pylist()]
    firsts = [0, *(start + 1 for start in starts[1:])]
    ends = [*firsts[1:], len(columns[0])]
    rest = columns[1:]
    return all(_ascends([c.slice(a, b - a) for c in rest]) for a, b in zip(firsts, ends, strict=True))


def merged(runs: Sequence[Batches], order: Sequence[str]) -> Batches:
    """Merge streams that ascend by the columns ``order`` each; one batch of each is in memory."""
    heads = {number: batch for number, run in enumerate(runs) if (batch := _next(run)) is not None}
    while heads:
        bound = min(_key(head, order, head.num_rows - 1) for head in heads.values())
        pieces = []
        for number, head in list(heads.items()):
            rows = bisect_right(range(head.num_rows), bound, key=_key_of(head, order))
            pieces += [head.slice(0, rows)] if rows else []
            rest = head.slice(rows) if rows < head.num_rows else _next(runs[number])
            if rest is None:
                del heads[number]
            else:
                heads[number] = rest
        yield pieces[0] if len(pieces) == 1 else _interleaved(pieces, order)


def _interleaved(pieces: Sequence[pa.RecordBatch], order: Sequence[str]) -> pa.RecordBatch:
    joined = pa.concat_batches(pieces)
    return joined.take(pc.sort_indices(joined, sort_keys=[(name, "ascending") for name in order]))


def _next(run: Batches) -> pa.RecordBatch | None:
    return next((batch for batch in run if batch.num_rows), None)


def _key(batch: pa.RecordBatch, order: Sequence[str], row: int) -> tuple[Any, ...]:
    return tuple(batch.column(name)[row].as_py() for name in order)


def _key_of(batch: pa.RecordBatch, order: Sequence[str]) -> Callable[[int], tuple[Any, ...]]:
    return lambda row: _key(batch, order, row)
