"""A table or a query of a DuckDB file as a source."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from components.ingest.config import DuckDBSource
from components.ingest.paths import existing_file
from components.ingest.source import Request, Source
from components.ingest.sql import relation_of_query, select
from components.shared.errors import InputError
from components.shared.sql import DUCKDB

if TYPE_CHECKING:
    import duckdb


@contextmanager
def open_duckdb(config: DuckDBSource) -> Iterator[Source]:
    """Open a DuckDB file for reading only."""
    import duckdb

    path = existing_file(config.database)
    _check_magic(path, config.database)
    with tempfile.TemporaryDirectory(prefix="tandem-duckdb-") as spill, _explained(config):
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{config.memory_mib}MiB",
            "temp_directory": spill,
            # Nothing is downloaded behind the user's back.
            "autoinstall_known_extensions": "false",
        }
        with duckdb.connect(str(path), read_only=True, config=settings) as connection:
            # Only now: the lock would refuse the temporary folder too, and spilling to it stays allowed.
            connection.execute("SET enable_external_access = false; SET lock_configuration = true")
            relation = _relation(connection, config)
            parameters = config.parameters
            schema = (
                connection.sql(f"SELECT * FROM {relation} LIMIT 0", params=parameters or None).to_arrow_table().schema
            )

            def read(request: Request) -> Iterator[pa.RecordBatch]:
                query = select(DUCKDB, relation, request, schema)
                with _explained(config):
                    found = connection.sql(query.text, params={**parameters, **query.parameters} or None)
                    yield from found.to_arrow_reader(request.batch_rows)

            yield Source(f"{config.database} {config.table or 'query'}", schema, read, ordered=True)


def _check_magic(path: Path, shown: str) -> None:
    """Refuse what is no database, before DuckDB looks for an extension that might read it (SQLite's, for example).

    Raises:
        InputError: the file does not start as DuckDB's do: a checksum of 8 bytes, then DUCK.
    """
    with path.open("rb") as stream:
        start = stream.read(12)
    if start[8:] != b"DUCK":
        raise InputError(f"{shown} is not a DuckDB database; for another kind of file set source.kind")


def _relation(connection: duckdb.DuckDBPyConnection, config: DuckDBSource) -> str:
    """The quoted table, known to exist, or the bracketed query.

    Raises:
        InputError: no such table, or the query is not one SELECT.
    """
    if config.table is None:
        return relation_of_query(_one_select(config.sql or ""))
    tables = connection.sql(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
    ).fetchall()
    known = {name if schema == "main" else f"{schema}.{name}": (schema, name) for schema, name in tables}
    wanted = config.table.removeprefix("main.")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=3) or sorted(known)[:5]
        raise InputError(f"{config.database} has no table {config.table!r}; it has {', '.join(near) or 'none'}")
    return ".".join(DUCKDB.identifier(part) for part in known[wanted])


def _one_select(sql: str) -> str:
    """The text itself, known to be one SELECT on its own, so that it cannot end the brackets it is put into.

    Raises:
        InputError: it is anything else.
    """
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InputError(f"source.sql is not valid SQL: {error}") from error
    if len(statements) != 1:
        raise InputError(f"source.sql: expected one SELECT, got {len(statements)} statements")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise InputError(f"source.sql: expected one SELECT, got {statements[0].type.name}")
    return sql


@contextmanager
def _explained(config: DuckDBSource) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise InputError(
            f"{config.database}: DuckDB needs more than {config.memory_mib} MiB; raise source.memory_mib ({error})"
        ) from error
    except duckdb.PermissionException as error:
        raise InputError(
            f"{config.database}: a query may read nothing but its own database, no other file or address. To read "
            f"such a file, load it into the database first, or use a csv or parquet source ({error})"
        ) from error
    except duckdb.Error as error:
        what = "the query" if config.sql else f"table {config.table}"
        raise InputError(f"{config.database}: {what} cannot be read: {error}") from error
