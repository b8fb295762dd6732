"""A table or a query in BigQuery as a source: a dry run for the bytes, limits on them, rows by parallel streams.

A plain table is read by the Storage Read API as it is, with its columns and conditions pushed down. A view or a query
runs as a job first, whose answer is a table that is read the same way. See ``docs/bigquery.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from components.ingest import storage_read
from components.ingest.config import BigQuerySource
from components.ingest.merging import in_order
from components.ingest.partitions import unfiltered
from components.ingest.shards import Shard
from components.ingest.source import Request, Source
from components.ingest.sql import one_select, relation_of_query, restriction, select
from components.ingest.storage_read import Session, Wanted
from components.shared import progress
from components.shared.bigquery import GIB, client_of, encryption, explained, read_client_of
from components.shared.errors import InputError
from components.shared.sql import BIGQUERY, Query
from components.shared.statistics import Ask

if TYPE_CHECKING:
    from google.cloud import bigquery

TABLE_NAME = re.compile(r"^(?:[a-z0-9.:-]+\.)?[A-Za-z0-9_]+\.[A-Za-z0-9_-]+$")
DECIMAL, BIG_DECIMAL = pa.decimal128(38, 9), pa.decimal256(76, 38)
ARROW_TYPES = {
    "BOOL": pa.bool_(),
    "BOOLEAN": pa.bool_(),
    "INT64": pa.int64(),
    "INTEGER": pa.int64(),
    "FLOAT64": pa.float64(),
    "FLOAT": pa.float64(),
    "NUMERIC": DECIMAL,
    "BIGNUMERIC": BIG_DECIMAL,
    "STRING": pa.string(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Opened:
    """A table or query that has been looked at; ``table`` is None for a query, ``relation`` is quoted."""

    config: BigQuerySource
    client: bigquery.Client
    relation: str
    table: bigquery.Table | None
    schema: pa.Schema

    @property
    def directly(self) -> bool:
        """Whether the Storage Read API can read it as it is; of a view it reads the answer of a query."""
        return self.table is not None and self.table.table_type == "TABLE"


@contextmanager
def open_bigquery(config: BigQuerySource) -> Iterator[Source]:
    """Open a table or query; nothing is billed before its rows are read."""
    doing = f"read {config.table or 'the query'}"
    with explained(doing), client_of(config.project, config.location, config.api_endpoint) as client:
        relation = relation_of(config)
        table = client.get_table(full_name(client, config)) if config.table is not None else None
        fields = table.schema if table is not None else planned(client, config, _whole(config)).schema
        opened = Opened(config, client, relation, table, arrow_schema(fields or []))
        facts: dict[str, Any] = {}

        def read(request: Request) -> Iterator[pa.RecordBatch]:
            with explained(doing), _folder_of(request) as folder:
                session, shards = _downloaded(opened, request, folder / "download")
                facts.update(session.facts)
                yield from in_order(shards, session.arrow, request.order_by, request.batch_rows, folder)

        yield Source(f"bigquery {config.table or 'query'}", opened.schema, read, facts=facts, ordered=True)


@contextmanager
def asking(config: BigQuerySource) -> Iterator[tuple[Ask, str]]:
    """A way to ask BigQuery itself about a table or query, for statistics of what nobody wants to read; and its name.

    Each question is a job of its own with the source's limit on the bytes billed.
    """
    with (
        explained(f"ask about {config.table or 'the query'}"),
        client_of(config.project, config.location, config.api_endpoint) as client,
    ):

        def ask(query: Query) -> list[tuple[Any, ...]]:
            whole = Query(query.text, {**config.parameters, **query.parameters})
            job = client.query(whole.text, job_config=job_config_of(config, whole))
            return [row.values() for row in job.result()]

        yield ask, relation_of(config)


@contextmanager
def _folder_of(request: Request) -> Iterator[Path]:
    """The request's workspace, or a folder that goes when the rows are read."""
    if request.workspace is not None:
        yield request.workspace
        return
    with tempfile.TemporaryDirectory(prefix="tandem-bigquery-") as folder:
        yield Path(folder)


def _downloaded(opened: Opened, request: Request, folder: Path) -> tuple[Session, list[list[Shard]]]:
    """The rows on this disk, in shards; a query or a session of an attempt that was killed is not paid for again."""
    config = opened.config
    if opened.table is not None and (problem := unfiltered(opened.table, request.conditions, opened.schema, config)):
        raise InputError(problem)
    reader = read_client_of(config.storage_endpoint)
    # Streams come in no order, and to sort a big answer would be the work of one machine.
    query = select(BIGQUERY, opened.relation, replace(request, order_by=()), opened.schema)
    query = Query(query.text, {**config.parameters, **query.parameters})

    def create() -> Session:
        facts: dict[str, Any] = {"bytes_read": affordable(opened.client, config, query)}
        wanted = _table_itself(opened, request) if opened.directly else _answer(opened, request, query, facts)
        session = Session.created(reader, wanted, facts)
        _check_bytes(session.bytes, config)
        return session

    session = storage_read.begin(folder, _key(config, query), create)
    storage_read.download(reader, session, folder, config.retry_seconds)
    return session, storage_read.shards_of(folder, session)


def _table_itself(opened: Opened, request: Request) -> Wanted:
    conditions = restriction(request.conditions, opened.schema)
    table = opened.table.reference  # type: ignore[union-attr]  # Opened.directly says that there is one
    return Wanted(opened.client.project, _path(table), request.columns, conditions, opened.config.streams)


def _answer(opened: Opened, request: Request, query: Query, facts: dict[str, Any]) -> Wanted:
    """The table that holds the answer of a query, once it has run."""
    job = opened.client.query(query.text, job_config=job_config_of(opened.config, query))
    job.result(page_size=1)
    facts["job_id"] = job.job_id
    return Wanted(opened.client.project, _path(job.destination), request.columns, "", opened.config.streams)


def _path(table: bigquery.TableReference) -> str:
    return f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}"


def _key(config: BigQuerySource, query: Query) -> str:
    """Equal for downloads of the same rows and columns from the same place."""
    place = config.model_dump(mode="json", include={"project", "table", "sql", "location", "api_endpoint"})
    text = json.dumps([place, query.text, query.parameters], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def relation_of(config: BigQuerySource) -> str:
    """The quoted table or the bracketed query.

    Raises:
        InputError: the table is not written as ``dataset.table`` or ``project.dataset.table``, or the query is not
            one SELECT.
    """
    if config.table is None:
        return relation_of_query(one_select(config.sql or ""))
    if not TABLE_NAME.match(config.table):
        raise InputError(f"source.table: expected dataset.table or project.dataset.table, got {config.table!r}")
    return BIGQUERY.identifier(config.table)


def full_name(client: bigquery.Client, config: BigQuerySource) -> str:
    """``project.dataset.table``; without a project, the one that pays."""
    table = str(config.table)
    return table if table.count(".") > 1 else f"{client.project}.{table}"


def job_config_of(config: BigQuerySource, query: Query, *, dry_run: bool = False) -> bigquery.QueryJobConfig:
    """Job settings: typed parameters, and always a limit on the bytes billed."""
    from google.cloud import bigquery

    return bigquery.QueryJobConfig(
        query_parameters=[parameter_of(name, value) for name, value in query.parameters.items()],
        maximum_bytes_billed=config.maximum_bytes_billed,
        dry_run=dry_run,
        destination_encryption_configuration=None if dry_run else encryption(config.encryption_key),
        # A cached answer reads no bytes, and a dry run would then say 0.
        use_query_cache=not dry_run,
    )


def parameter_of(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    """A named query parameter of the value's type; a list becomes an array."""
    from google.cloud import bigquery

    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, _sql_type(value), value)
    return bigquery.ScalarQueryParameter(name, _sql_type([value]), value)


def _sql_type(values: list[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "BOOL"
    if all(isinstance(value, int) for value in values):
        return "INT64"
    if all(isinstance(value, (int, float)) for value in values):
        return "FLOAT64"
    if all(isinstance(value, datetime) for value in values):
        return "TIMESTAMP" if values[0].tzinfo is not None else "DATETIME"
    return "DATE" if all(isinstance(value, date) for value in values) else "STRING"


def _whole(config: BigQuerySource) -> Query:
    return Query(config.sql or "", dict(config.parameters))


def planned(client: bigquery.Client, config: BigQuerySource, query: Query) -> bigquery.QueryJob:
    """A dry run: the columns and the bytes of a query, without a row and without a bill."""
    return client.query(query.text, job_config=job_config_of(config, query, dry_run=True))


def arrow_schema(fields: list[bigquery.SchemaField]) -> pa.Schema:
    """Arrow types of BigQuery fields; what no catalog type can hold (arrays, records, …) becomes binary."""
    return pa.schema(
        [
            pa.field(f.name, pa.binary() if f.mode == "REPEATED" else ARROW_TYPES.get(f.field_type, pa.binary()))
            for f in fields
        ]
    )


def affordable(client: bigquery.Client, config: BigQuerySource, query: Query) -> int:
    """Bytes the query will read, by a dry run; they are reported before anything is read.

    Raises:
        InputError: more than ``maximum_bytes_billed``.
    """
    wanted = int(planned(client, config, query).total_bytes_processed or 0)
    progress.report("bytes to read", wanted, config.maximum_bytes_billed, gib=wanted / GIB)
    _check_bytes(wanted, config)
    return wanted


def _check_bytes(wanted: int, config: BigQuerySource) -> None:
    if wanted > config.maximum_bytes_billed:
        raise InputError(
            f"the query would read {wanted / GIB:,.2f} GiB, more than source.maximum_bytes_billed allows "
            f"({config.maximum_bytes_billed / GIB:,.2f} GiB); narrow it with ingest.columns, start and end, or raise "
            f"the limit: --set ingest.source.maximum_bytes_billed={wanted}"
        )
