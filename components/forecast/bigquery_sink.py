"""Put forecasts into a BigQuery table exactly once: load them beside it, then merge by their key.

A kill at any instant leaves the table as it was, or with all of them; running again repeats nothing. Every call may be
sent twice, as a client does that loses an answer: tables and jobs have names of their own, and the merge has a key.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from components.forecast.output import KEY
from components.shared.bigquery import WRITER_ROLES, client_of, encryption, explained
from components.shared.errors import InputError
from components.shared.sql import BIGQUERY

if TYPE_CHECKING:
    from google.cloud import bigquery

    from components.forecast.config import BigQueryDestination
    from components.shared.artifacts import Table
    from components.shared.schema import Schema

TYPES = {"string": "STRING", "timestamp": "DATETIME", "float64": "FLOAT64", "int64": "INT64"}
STAGING_LIVES = timedelta(hours=6)
"""A table left behind by a process that was killed removes itself after this time."""


def merge(forecasts: Table, destination: BigQueryDestination) -> None:
    """Add forecasts to a table, replacing those of the same model, origin and time.

    Raises:
        InputError: no credentials or permission, other columns, or BigQuery refuses what it is sent.
        TandemError: BigQuery does not answer, or a quota is used up.
    """
    from google.cloud import bigquery

    columns = forecasts.schema.names
    staging = staging_name(destination.table, forecasts.digest)
    doing = f"write {destination.table}"
    with explained(doing, roles=WRITER_ROLES, settings="forecast.bigquery"), _client(destination) as client:
        fields = bigquery_schema(forecasts.schema)
        wanted = bigquery.Table(destination.table, schema=fields)
        wanted.encryption_configuration = encryption(destination.encryption_key)
        table = client.create_table(wanted, exists_ok=True)
        _check_columns(destination, columns, [field.name for field in client.get_table(table.reference).schema])
        aside = bigquery.Table(staging, schema=fields)
        aside.expires = datetime.now(UTC) + STAGING_LIVES
        aside.encryption_configuration = encryption(destination.encryption_key)
        client.create_table(aside, exists_ok=True)
        try:
            _load(client, forecasts, staging, fields)
            limit = bigquery.QueryJobConfig(maximum_bytes_billed=destination.maximum_bytes_billed)
            client.query(merge_statement(destination.table, staging, columns), job_config=limit).result()
        finally:
            client.delete_table(staging, not_found_ok=True)


def staging_name(table: str, digest: str) -> str:
    """A table beside the destination, for one attempt to write one content: two at the same time do not meet in it."""
    return f"{table}_staging_{hashlib.sha256(digest.encode()).hexdigest()[:12]}_{uuid.uuid4().hex[:8]}"


def merge_statement(table: str, staging: str, columns: Sequence[str]) -> str:
    """The MERGE that updates forecasts with the same key and inserts the others.

    Raises:
        InputError: a name cannot be quoted.
    """
    quoted = {name: BIGQUERY.identifier(name) for name in columns}
    same = " AND ".join(f"kept.{quoted[name]} = fresh.{quoted[name]}" for name in KEY)
    updated = ", ".join(f"{quoted[name]} = fresh.{quoted[name]}" for name in columns if name not in KEY)
    return (
        f"MERGE INTO {BIGQUERY.identifier(table)} AS kept\n"
        f"USING {BIGQUERY.identifier(staging)} AS fresh\n"
        f"ON {same}\n"
        f"WHEN MATCHED THEN UPDATE SET {updated}\n"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(quoted.values())})\n"
        f"VALUES ({', '.join(f'fresh.{name}' for name in quoted.values())})"
    )


def bigquery_schema(schema: Schema) -> list[bigquery.SchemaField]:
    from google.cloud import bigquery

    return [bigquery.SchemaField(c.name, TYPES[c.dtype], description=c.description) for c in schema.columns]


def _load(client: bigquery.Client, forecasts: Table, staging: str, fields: list[bigquery.SchemaField]) -> None:
    from google.cloud import bigquery

    settings = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET, schema=fields)
    for shard in forecasts.shards:
        with (forecasts.path / shard).open("rb") as stream:
            client.load_table_from_file(stream, staging, job_config=settings).result()


def _check_columns(destination: BigQueryDestination, wanted: Sequence[str], present: Sequence[str]) -> None:
    absent = [name for name in wanted if name not in present]
    if absent:
        raise InputError(
            f"{destination.table} lacks the columns {', '.join(absent)}: add them, forecast the intervals it has, or "
            "name another table"
        )


def _client(destination: BigQueryDestination) -> bigquery.Client:
    project = destination.table.split(".")[0]
    return client_of(project, destination.location, destination.api_endpoint)
