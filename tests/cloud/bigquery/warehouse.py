"""The tables of the stand-in: DuckDB holds their rows, a record beside them what BigQuery says about a table."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from cloud.bigquery.dialect import duckdb_of, names_in

FIELD_TYPES = {
    "int64": "INTEGER", "int32": "INTEGER", "double": "FLOAT", "bool": "BOOLEAN", "string": "STRING",
    "date32[day]": "DATE", "timestamp[us]": "DATETIME", "timestamp[us, tz=UTC]": "TIMESTAMP",
    "decimal128(38, 9)": "NUMERIC", "decimal128(38, 0)": "NUMERIC",
}  # fmt: skip
COLUMN_TYPES = {
    "INTEGER": "BIGINT", "INT64": "BIGINT", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE", "BOOLEAN": "BOOLEAN",
    "BOOL": "BOOLEAN", "STRING": "VARCHAR", "DATE": "DATE", "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMPTZ",
    "NUMERIC": "DECIMAL(38,9)",
}  # fmt: skip


@dataclass
class Record:
    """What BigQuery knows of a table: ``more`` is merged into its resource (partitioning, type, size)."""

    fields: list[dict[str, Any]]
    more: dict[str, Any] = field(default_factory=dict)


class Warehouse:
    """Tables by their full name, ``project.dataset.table``; one statement at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.database = duckdb.connect(config={"threads": 2})
        self.database.execute("SET TimeZone = 'UTC'")
        self.tables: dict[str, Record] = {}

    def add(self, name: str, rows: pa.Table, **more: Any) -> None:
        """Put a table there; ``more`` goes into its resource, for example ``type="VIEW"``."""
        with self.lock:
            self.database.register("given", rows)
            self.database.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM given')
            self.database.unregister("given")
            self.tables[name] = Record(fields_of(rows.schema), more)

    def create(self, name: str, fields: list[dict[str, Any]], more: dict[str, Any]) -> None:
        columns = ", ".join(f'"{f["name"]}" {COLUMN_TYPES[f["type"]]}' for f in fields)
        with self.lock:
            self.database.execute(f'CREATE TABLE "{name}" ({columns})')
            self.tables[name] = Record(fields, more)

    def drop(self, name: str) -> None:
        with self.lock:
            self.database.execute(f'DROP TABLE "{name}"')
            del self.tables[name]

    def append(self, name: str, rows: pa.Table, *, replace: bool) -> None:
        with self.lock:
            if replace:
                self.database.execute(f'DELETE FROM "{name}"')
            self.database.register("loaded", rows)
            self.database.execute(f'INSERT INTO "{name}" BY NAME FROM loaded')
            self.database.unregister("loaded")

    def rows(self, name: str) -> int:
        return int(self.database.sql(f'SELECT count(*) FROM "{name}"').fetchall()[0][0])

    def resource(self, name: str) -> dict[str, Any]:
        """BigQuery's JSON of a table. Sizes count 8 bytes a cell."""
        project, dataset, table = name.split(".")
        record = self.tables[name]
        rows = self.rows(name)
        size = str(8 * rows * len(record.fields))
        return {
            "kind": "bigquery#table", "id": f"{project}:{dataset}.{table}", "type": "TABLE", "numRows": str(rows),
            "numBytes": size, "schema": {"fields": record.fields}, "location": "US",
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table}, **record.more,
        }  # fmt: skip

    def full_name(self, name: str, project: str) -> str:
        return name if name.count(".") > 1 else f"{project}.{name}"

    def tables_in(self, sql: str, project: str) -> dict[str, str]:
        """Tables that a statement names: as written, and in full."""
        return {name: self.full_name(name, project) for name in names_in(sql) if "." in name}

    def bytes_of(self, sql: str, project: str) -> int:
        """Bytes of the columns that a statement names, 8 a cell."""
        mentioned, total = names_in(sql), 0
        for table in self.tables_in(sql, project).values():
            names = [f["name"] for f in self.tables[table].fields]
            total += 8 * self.rows(table) * (len(mentioned & set(names)) or len(names))
        return total

    def select(self, sql: str, parameters: dict[str, Any], project: str) -> pa.Table:
        text = sql
        for written, full in self.tables_in(sql, project).items():
            text = text.replace(f"`{written}`", f"`{full}`")
        with self.lock:
            found = self.database.sql(duckdb_of(text), params=parameters or None)
            return plain(found.to_arrow_table()) if found is not None else pa.table({})


def plain(rows: pa.Table) -> pa.Table:
    """Rows in the types that BigQuery knows: DuckDB also has wider sums and a type for nothing at all."""
    fields = []
    for one in rows.schema:
        wide = pa.types.is_decimal(one.type) or pa.types.is_integer(one.type)
        kind = (
            pa.int64()
            if wide
            else pa.timestamp("us", "UTC")
            if pa.types.is_timestamp(one.type) and one.type.tz
            else one.type
        )
        kind = pa.int64() if pa.types.is_null(kind) else kind
        fields.append(pa.field(one.name, kind))
    return rows.cast(pa.schema(fields))


def fields_of(schema: pa.Schema) -> list[dict[str, Any]]:
    return [{"name": f.name, "type": FIELD_TYPES[str(f.type)], "mode": "NULLABLE"} for f in schema]


def value_of(parameter: dict[str, Any]) -> Any:
    """A query parameter as Python has it."""
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"]
    if kind == "ARRAY":
        inner = parameter["parameterType"]["arrayType"]["type"]
        return [_scalar(inner, item.get("value")) for item in value.get("arrayValues", [])]
    return _scalar(kind, value.get("value"))


def _scalar(kind: str, text: str | None) -> Any:
    if text is None:
        return None
    read = {
        "INT64": int, "FLOAT64": float, "BOOL": lambda t: t.lower() == "true", "DATE": date.fromisoformat,
        "DATETIME": datetime.fromisoformat, "TIMESTAMP": datetime.fromisoformat, "NUMERIC": Decimal,
    }  # fmt: skip
    return read.get(kind, str)(text)


def cell_of(value: Any) -> str | None:
    """A value as the REST API writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(int(value.timestamp() * 1e6)) if value.tzinfo else value.isoformat()
    return str(value)
