"""Shards of a download: finished files of one stream each, told apart by their rows, so that a killed one goes on.

A folder holds ``0003-000000065536-000000131072.arrow`` (rows 65,536 up to 131,072 of stream 3, an Arrow IPC stream as
it came over the wire, nothing decoded) and ``0003.done`` once that stream has no more rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

SHARD_BYTES = 32 << 20
"""A shard is finished after at least so many bytes: what a killed process has to read again, at most, a stream."""
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
NAME = re.compile(r"^(?P<stream>\d{4})-(?P<first>\d{12})-(?P<stop>\d{12})\.arrow$")


@dataclass(frozen=True)
class Shard:
    """One finished file: rows ``first`` to ``stop``, exclusive, of a stream."""

    path: Path
    stream: int
    first: int
    stop: int

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Its record batches; of ``columns`` only, in the file's order, the others are not even decompressed."""
        # Not a memory map: its pages would count as this process's memory.
        with pa.OSFile(str(self.path)) as file:
            if columns is None:
                yield from pa.ipc.open_stream(file)
                return
            with pa.ipc.open_stream(file) as whole:
                wanted = [whole.schema.get_field_index(name) for name in columns]
            file.seek(0)
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            for batch in pa.ipc.open_stream(file, options=options):
                yield batch.select(list(columns))


def finished(folder: Path, stream: int) -> list[Shard]:
    """The finished shards of a stream, in the order of their rows."""
    found = [(file, NAME.match(file.name)) for file in sorted(folder.glob(f"{stream:04d}-*.arrow"))]
    return [Shard(file, stream, int(match["first"]), int(match["stop"])) for file, match in found if match]


def next_row(folder: Path, stream: int) -> int | None:
    """The first row of a stream that no finished shard holds; None when there is none left."""
    if _done(folder, stream).exists():
        return None
    return max((shard.stop for shard in finished(folder, stream)), default=0)


def mark_done(folder: Path, stream: int) -> None:
    _done(folder, stream).touch()


def _done(folder: Path, stream: int) -> Path:
    return folder / f"{stream:04d}.done"


class ShardWriter:
    """Writes serialized record batches of one stream; :meth:`close` leaves only finished shards behind.

    Args:
        folder: of the download.
        stream: its number.
        schema: the serialized Arrow schema that every shard begins with.
        first: the stream's row that comes next.
    """

    def __init__(self, folder: Path, stream: int, schema: bytes, first: int) -> None:
        self._folder, self._stream, self._schema = folder, stream, schema
        self._open = folder / f"{stream:04d}.part"
        self._first = self._stop = first
        self._file = self._begun()

    def write(self, batch: bytes, rows: int) -> None:
        """Add one serialized record batch of ``rows`` rows."""
        self._file.write(batch)
        self._stop += rows
        if self._file.tell() >= SHARD_BYTES:
            self._finish()
            self._first, self._file = self._stop, self._begun()

    def close(self) -> None:
        """Finish the shard that is open, if it has rows: what was received is never asked for again."""
        if self._stop > self._first:
            self._finish()
        else:
            self._file.close()
            self._open.unlink()

    def _begun(self) -> BinaryIO:
        file = self._open.open("wb")
        file.write(self._schema)
        return file

    def _finish(self) -> None:
        self._file.write(END_OF_STREAM)
        self._file.close()
        self._open.rename(self._folder / f"{self._stream:04d}-{self._first:012d}-{self._stop:012d}.arrow")
