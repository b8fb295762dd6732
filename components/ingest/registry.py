"""Kind of source to the function that opens it. A new kind is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from components.ingest.bigquery_source import open_bigquery
from components.ingest.config import SourceConfig
from components.ingest.duckdb_source import open_duckdb
from components.ingest.files import open_csv, open_parquet
from components.ingest.source import Source

OPENERS: dict[str, Callable[[Any], AbstractContextManager[Source]]] = {
    "bigquery": open_bigquery,
    "csv": open_csv,
    "duckdb": open_duckdb,
    "parquet": open_parquet,
}


def open_source(config: SourceConfig) -> AbstractContextManager[Source]:
    """Open the source a config describes; leaving the context closes files and connections."""
    return OPENERS[config.kind](config)
