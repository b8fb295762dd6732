"""Put the rows of each entity together. Files of a panel often hold one day after another; a series needs one run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.shared.errors import InputError
from components.shared.schema import Role, Schema

MEMORY_MIB = 512
"""What sorting may take in memory; beyond that it goes to the temporary folder."""


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
        if _write(waiting, batches, schema, entity.name):
            with pq.ParquetFile(waiting, pre_buffer=False) as parquet:
                yield from parquet.iter_batches(batch_rows)
        else:
            yield from _sorted(waiting, (entity.name, time.name), batch_rows, scratch)


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


def _sorted(path: Path, order: tuple[str, ...], batch_rows: int, scratch: str) -> Iterator[pa.RecordBatch]:
    import duckdb

    settings = {"memory_limit": f"{MEMORY_MIB}MiB", "temp_directory": scratch, "autoinstall_known_extensions": "false"}
    with duckdb.connect(config=settings) as connection:
        try:
            rows = connection.read_parquet(str(path)).order(", ".join(_quoted(name) for name in order))
            yield from rows.to_arrow_reader(batch_rows)
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                f"sorting the rows by entity needs more than {MEMORY_MIB} MiB of memory and the room on {scratch}: "
                f"sort the files by {', then '.join(order)} beforehand ({error})"
            ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
