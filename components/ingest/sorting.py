"""Sort more rows than fit in memory, on the disk that they are meant for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from components.shared.errors import InputError

MEMORY_MIB = 512
"""What sorting may take in memory; beyond that it goes to the folder given."""


def sorted_rows(
    rows: pa.RecordBatchReader, order: Sequence[str], batch_rows: int, scratch: str | Path
) -> Iterator[pa.RecordBatch]:
    """The same rows in ascending order of the columns ``order``, in batches of ``batch_rows``.

    Args:
        rows: read once, to the end.
        order: names of columns, the first counts most.
        batch_rows: rows a batch.
        scratch: a folder with room for the rows.

    Raises:
        InputError: they need more than :data:`MEMORY_MIB` of memory and the room in ``scratch``.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{MEMORY_MIB}MiB",
        "temp_directory": str(scratch),
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(config=settings) as connection:
        try:
            found = connection.from_arrow(rows).order(", ".join(map(_quoted, order)))
            yield from found.to_arrow_reader(batch_rows)
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                f"sorting the rows by {', then '.join(order)} needs more than {MEMORY_MIB} MiB of memory and the room "
                f"in {scratch}: sort them beforehand ({error})"
            ) from error


def _quoted(name: str) -> str:
    # Any name a file's column may have; those of a warehouse pass Dialect.identifier, which refuses some.
    return '"' + name.replace('"', '""') + '"'
