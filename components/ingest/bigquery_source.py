"""A table or a query in BigQuery as a source: parameters, a dry run for the bytes, a limit on them, Arrow streaming."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from components.ingest.config import GIB, BigQuerySource
from components.ingest.source import Request, Source
from components.ingest.sql import Dialect, Query, one_select, relation_of_query, select
from components.shared.errors import InputError

if TYPE_CHECKING:
    from google.cloud import bigquery, bigquery_storage

DIALECT = Dialect(quote="`", placeholder="@{}", is_nan="IS_NAN({})")
TABLE_NAME = re.compile(r"^(?:[a-z0-9.:-]+\.)?[A-Za-z0-9_]+\.[A-Za-z0-9_$-]+$")
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


@contextmanager
def open_bigquery(config: BigQuerySource) -> Iterator[Source]:
    """Open a table or query; nothing is billed before its rows are read."""
    with _explained(config), client_of(config) as client:
        relation = relation_of(config)
        schema = _schema(client, config)
        facts: dict[str, Any] = {}

        def read(request: Request) -> Iterator[pa.RecordBatch]:
            query = select(DIALECT, relation, request, schema)
            query = Query(query.text, {**config.parameters, **query.parameters})
            with _explained(config):
                facts["bytes_read"] = _affordable(client, config, query)
                job = client.query(query.text, job_config=job_config_of(config, query))
                facts["job_id"] = job.job_id
                rows = job.result(page_size=request.batch_rows)
                yield from rows.to_arrow_iterable(bqstorage_client=storage_client_of(config))

        yield Source(f"bigquery {config.table or 'query'}", schema, read, facts=facts)


def client_of(config: BigQuerySource) -> bigquery.Client:
    """A client with the user's default credentials, or with none for a plain http server such as an emulator."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    endpoint = _endpoint(config)
    options = {"api_endpoint": config.api_endpoint} if config.api_endpoint else None
    plain = endpoint is not None and urlsplit(endpoint).scheme != "https"
    return bigquery.Client(
        project=config.project or ("local" if plain else None),
        location=config.location,
        # A token must not travel over plain http.
        credentials=AnonymousCredentials() if plain else None,
        client_options=options,
    )


def storage_client_of(config: BigQuerySource) -> bigquery_storage.BigQueryReadClient | None:
    """A client of the Storage Read API, which sends Arrow; another server's rows come as JSON through its REST API."""
    if _endpoint(config) is not None:
        return None
    from google.cloud import bigquery_storage

    return bigquery_storage.BigQueryReadClient()


def _endpoint(config: BigQuerySource) -> str | None:
    return config.api_endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST")


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
    return DIALECT.identifier(config.table)


def job_config_of(config: BigQuerySource, query: Query, *, dry_run: bool = False) -> bigquery.QueryJobConfig:
    """Job settings: typed parameters, and always a limit on the bytes billed."""
    from google.cloud import bigquery

    return bigquery.QueryJobConfig(
        query_parameters=[parameter_of(name, value) for name, value in query.parameters.items()],
        maximum_bytes_billed=config.maximum_bytes_billed,
        dry_run=dry_run,
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


def _schema(client: bigquery.Client, config: BigQuerySource) -> pa.Schema:
    """Columns and types, asked for without reading a row: a table's from its record, a query's from a dry run."""
    if config.table is not None:
        table = config.table if config.table.count(".") > 1 else f"{client.project}.{config.table}"
        return arrow_schema(client.get_table(table).schema)
    query = Query(config.sql or "", dict(config.parameters))
    return arrow_schema(client.query(query.text, job_config=job_config_of(config, query, dry_run=True)).schema or [])


def arrow_schema(fields: list[bigquery.SchemaField]) -> pa.Schema:
    """Arrow types of BigQuery fields; what no catalog type can hold (arrays, records, …) becomes binary."""
    return pa.schema(
        [
            pa.field(f.name, pa.binary() if f.mode == "REPEATED" else ARROW_TYPES.get(f.field_type, pa.binary()))
            for f in fields
        ]
    )


def _affordable(client: bigquery.Client, config: BigQuerySource, query: Query) -> int:
    """Bytes the query will read, by a dry run.

    Raises:
        InputError: more than ``maximum_bytes_billed``.
    """
    job = client.query(query.text, job_config=job_config_of(config, query, dry_run=True))
    wanted = int(job.total_bytes_processed or 0)
    if wanted > config.maximum_bytes_billed:
        raise InputError(
            f"the query would read {wanted / GIB:,.2f} GiB, more than source.maximum_bytes_billed allows "
            f"({config.maximum_bytes_billed / GIB:,.2f} GiB); narrow it with ingest.columns, start and end, or raise "
            f"the limit: --set ingest.source.maximum_bytes_billed={wanted}"
        )
    return wanted


@contextmanager
def _explained(config: BigQuerySource) -> Iterator[None]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    what = config.table or "the query"
    try:
        yield
    except GoogleAuthError as error:
        advice = "Run: gcloud auth application-default login"
        raise InputError(f"no usable Google credentials: {error}. {advice}") from error
    except GoogleAPIError as error:
        raise InputError(f"BigQuery refused to read {what}: {error}") from error
