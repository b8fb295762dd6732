"""Whether a big partitioned table is asked for without a filter on the column it is partitioned by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from components.ingest.config import BigQuerySource
from components.ingest.filters import Condition, pushable
from components.shared.bigquery import GIB

if TYPE_CHECKING:
    from google.cloud import bigquery

PRUNING = {"==", "<", "<=", ">", ">=", "in", "is_null"}
"""Operators by which BigQuery leaves partitions out; by the others it reads them all."""


def unfiltered(
    table: bigquery.Table, conditions: Iterable[Condition], schema: pa.Schema, config: BigQuerySource
) -> str | None:
    """What to say if all of a big partitioned table would be read, None if it is small, or filtered.

    A table that demands a filter is big, whatever its size. One that is partitioned by the time of loading has no
    column to filter by, so it is read by a query.
    """
    found = partition_column(table)
    size = int(table.num_bytes or 0)
    if found is None or (size <= config.full_scan_bytes and not table.require_partition_filter):
        return None
    filtered = {
        c.column for c in pushable((c for c in conditions if c.column in schema.names), schema) if c.op in PRUNING
    }
    if found in filtered:
        return None
    if found not in schema.names:
        remedy = f"read it by source.sql, with WHERE {found} >= @from and the value in source.parameters"
    else:
        example = f"[{{column: {found}, op: '>=', value: …}}]"
        remedy = f"set ingest.start and ingest.end if it is the time, or ingest.filter: {example}"
    allowed = (
        "" if table.require_partition_filter else f", or allow all of it: --set ingest.source.full_scan_bytes={size}"
    )
    return f"{table.full_table_id} is partitioned by {found} and holds {size / GIB:,.2f} GiB: {remedy}{allowed}"


def partition_column(table: bigquery.Table) -> str | None:
    """The column a table is partitioned by, ``_PARTITIONTIME`` for the time of loading, None for none."""
    if table.time_partitioning is not None:
        return table.time_partitioning.field or "_PARTITIONTIME"
    return table.range_partitioning.field if table.range_partitioning is not None else None
