"""Put the rows of each entity together. Files of a panel often hold one day after another; a series needs one run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.ingest.sorting import sorted_rows
from components.shared.schema import Role, Schema


def by_entity(
    batches: Iterable[pa.RecordBatch], schema: Schema, batch_rows: int, beside: str | Path
) -> Iterator[pa.RecordBatch]:
    """The same rows, each entity's together and in order of time; as they came if they are together already.

    Rows wait in a file until all are seen, since the last of them may be of the first entity.

    Args:
        batches: of the schema's columns, times increasing within each entity.
        schema: with an entity and a time column; without them the batches pass as they are.
        batch_rows: rows a batch of those that were sorted.
        beside: the waiting file lies in this path's folder, on the disk the rows are meant for.
    """
    entity, time = schema.optional(Role.ENTITY), schema.optional(Role.TIME)
    if entity is None or time is None:
        yield from batches
        return
    folder = Path(beside).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{Path(beside).name}.", suffix=".tmp", dir=folder) as scratch:
        waiting = Path(scratch) / "rows.parquet"
        together = _write(waiting, batches, schema, entity.name)
        with pq.ParquetFile(waiting, pre_buffer=False) as parquet:
            rows = parquet.iter_batches(batch_rows)
            if together:
                yield from rows
            else:
                reader = pa.RecordBatchReader.from_batches(schema.arrow(), rows)
                yield from sorted_rows(reader, (entity.name, time.name), batch_rows, scratch)


def _write(path: Path, batches: Iterable[pa.RecordBatch], schema: Schema, entity: str) -> bool:
    """Write the batches; whether the rows of each entity follow each other."""
    seen: set[object] = set()
    together, last = True, None
    arrow = schema.arrow()
    with pq.ParquetWriter(path, arrow, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.select(schema.names).cast(arrow))
            for name in pc.run_end_encode(batch.column(entity)).values.to_pylist() if batch.num_rows else []:
                if name != last or not seen:
                    together = together and name not in seen
                    seen.add(name)
                last = name
    return together
