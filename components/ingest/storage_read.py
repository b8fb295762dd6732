"""Read a BigQuery table by its Storage Read API: several streams at once, each to shards, each going on where it broke.

https://cloud.google.com/bigquery/docs/reference/storage
"""

from __future__ import annotations

import base64
import logging
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from components.ingest.shards import Shard, ShardWriter, finished, mark_done, next_row
from components.shared import progress
from components.shared.errors import ArtifactError
from components.shared.files import read_json, write_json

if TYPE_CHECKING:
    from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.types import ReadRowsResponse

LOGGER = logging.getLogger("tandem.ingest")
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
PROGRESS_SECONDS = 2.0
EXPIRY_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True)
class Wanted:
    """What a session reads: ``table`` as ``projects/P/datasets/D/tables/T``, ``project`` the one that pays."""

    project: str
    table: str
    columns: tuple[str, ...]
    restriction: str
    streams: int


@dataclass(frozen=True)
class Session:
    """A snapshot of a table, cut into streams. ``schema`` is the serialized Arrow schema; ``bytes`` is an estimate.

    ``facts`` are those of whoever asked for it, kept for the metadata of what is made of it.
    """

    name: str
    expires: str
    streams: tuple[str, ...]
    schema: bytes
    bytes: int
    facts: dict[str, Any]

    @classmethod
    def created(cls, client: BigQueryReadClient, wanted: Wanted, facts: dict[str, Any]) -> Session:
        """Ask for a session; the client tries again while the service is unavailable."""
        from google.cloud.bigquery_storage_v1.types import ArrowSerializationOptions, DataFormat, ReadSession

        options = ReadSession.TableReadOptions(
            selected_fields=wanted.columns,
            row_restriction=wanted.restriction,
            arrow_serialization_options={"buffer_compression": ArrowSerializationOptions.CompressionCodec.LZ4_FRAME},
        )
        asked = ReadSession(table=wanted.table, data_format=DataFormat.ARROW, read_options=options)
        made = client.create_read_session(
            parent=f"projects/{wanted.project}", read_session=asked, max_stream_count=wanted.streams
        )
        return cls(
            name=made.name,
            expires=made.expire_time.isoformat(),
            streams=tuple(stream.name for stream in made.streams),
            schema=made.arrow_schema.serialized_schema,
            bytes=made.estimated_total_bytes_scanned,
            facts=facts,
        )

    @classmethod
    def kept(cls, folder: Path, key: str) -> Session | None:
        """The session that a download with this key was begun with, if it can still be read."""
        try:
            found = read_json(folder / "session.json")
        except ArtifactError:
            return None
        if found.pop("key", None) != key:
            return None
        soon = datetime.now(UTC) + EXPIRY_MARGIN
        if datetime.fromisoformat(found["expires"]) < soon:
            return None
        return cls(**{**found, "schema": base64.b64decode(found["schema"]), "streams": tuple(found["streams"])})

    def keep(self, folder: Path, key: str) -> None:
        plain = {**asdict(self), "schema": base64.b64encode(self.schema).decode()}
        write_json(folder / "session.json", {**plain, "key": key})

    @property
    def arrow(self) -> pa.Schema:
        return pa.ipc.read_schema(pa.py_buffer(self.schema))


def begin(folder: Path, key: str, create: Callable[[], Session]) -> Session:
    """The session of an unfinished download in ``folder``, with its finished shards; else a new one in an empty folder.

    Args:
        folder: of the download.
        key: tells downloads of different rows or columns apart.
        create: makes a new session.
    """
    kept = Session.kept(folder, key)
    if kept is not None:
        rows = sum(shard.stop - shard.first for shards in shards_of(folder, kept) for shard in shards)
        LOGGER.info("going on with %s: %d rows are here already", kept.name, rows)
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    made = create()
    folder.mkdir(parents=True)
    made.keep(folder, key)
    return made


def shards_of(folder: Path, session: Session) -> list[list[Shard]]:
    """Finished shards of each stream."""
    return [finished(folder, number) for number in range(len(session.streams))]


def download(client: BigQueryReadClient, session: Session, folder: Path, patience: float) -> None:
    """Read all streams at once into shards; what an earlier attempt has finished is not read again.

    Args:
        client: of the Storage Read API.
        session: from :func:`begin`.
        folder: of the download.
        patience: seconds without a row from a stream until its failure is final.

    Raises:
        GoogleAPICallError: of the first stream that fails for good; the others stop at their next batch.
    """
    stop = threading.Event()
    unread = [number for number in range(len(session.streams)) if next_row(folder, number) is not None]
    with ThreadPoolExecutor(max_workers=max(1, len(unread)), thread_name_prefix="stream") as pool:
        waiting: set[Future[None]] = {
            pool.submit(_read_stream, client, session, number, folder, patience, stop) for number in unread
        }
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=PROGRESS_SECONDS, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                progress.report("streams read", len(session.streams) - len(waiting), len(session.streams))
        finally:
            stop.set()


def _read_stream(
    client: BigQueryReadClient, session: Session, number: int, folder: Path, patience: float, stop: threading.Event
) -> None:
    first = next_row(folder, number) or 0
    writer = ShardWriter(folder, number, session.schema, first)
    try:
        for message in rows_from(client, session.streams[number], first, patience, stop):
            if message.row_count:
                writer.write(message.arrow_record_batch.serialized_record_batch, message.row_count)
            if stop.is_set():
                return
    finally:
        writer.close()
    mark_done(folder, number)


def rows_from(
    client: BigQueryReadClient, stream: str, offset: int, patience: float, stop: threading.Event
) -> Iterator[ReadRowsResponse]:
    """Messages of a stream from row ``offset`` on; after an interruption it is asked again from the row reached.

    Waits between attempts grow from 0.2 to 30 seconds, with jitter, and longer where the server says so; every message
    that comes begins the count anew. https://cloud.google.com/bigquery/docs/reference/storage#retries
    """
    from google.api_core import exceptions as google

    passing = (
        google.ServiceUnavailable, google.TooManyRequests, google.InternalServerError, google.GatewayTimeout,
        google.Aborted, google.Unknown,
    )  # fmt: skip
    pause, reached = FIRST_WAIT, time.monotonic()
    while True:
        try:
            # The timeout ends a connection that went dead without a word; the stream goes on in the next.
            for message in client.read_rows(read_stream=stream, offset=offset, retry=None, timeout=patience):
                pause, reached = FIRST_WAIT, time.monotonic()
                offset += message.row_count
                yield message
            return
        except passing as error:
            if time.monotonic() - reached > patience or stop.is_set():
                raise
            delay = max(pause * random.uniform(0.5, 1.0), _asked_delay(error))
            LOGGER.info("%s broke off after row %d (%s); again in %.1f s", stream, offset, error.message, delay)
            stop.wait(delay)
            pause = min(2 * pause, LONGEST_WAIT)


def _asked_delay(error: Any) -> float:
    """Seconds that the server asks to wait, 0 if it does not say."""
    return max(
        (d.retry_delay.ToTimedelta().total_seconds() for d in error.details if hasattr(d, "retry_delay")), default=0.0
    )
