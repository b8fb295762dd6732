"""Rows from a CSV or Parquet file, and forecasts to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.forecast import checks
from components.ingest import step as ingest
from components.ingest.catalog import dtype_of
from components.ingest.config import IngestConfig
from components.ingest.registry import open_source
from components.shared.artifacts import Table
from components.shared.errors import InputError
from components.shared.files import new_file
from components.shared.schema import Column, Role, Schema

if TYPE_CHECKING:
    import pyarrow as pa

    from components.shared.preprocessing import Preprocessing

KINDS = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet", ".pq": "parquet"}


def kind_of(path: Path) -> str:
    """``csv`` or ``parquet``, by the file's name.

    Raises:
        InputError: it is neither.
    """
    for ending, kind in KINDS.items():
        if path.name.lower().endswith(ending):
            return kind
    raise InputError(f"{path}: expected a file that ends in {', '.join(KINDS)}")


def read_rows(
    path: Path, preprocessing: Preprocessing, table_path: Path, *, extra_allowed: bool, entity: str | None = None
) -> None:
    """Write the columns of a file that a model needs as a table artifact.

    Columns that are missing or unknown are left for the check of the table, which reports all problems at once, unless
    without them there are no rows to check.

    Args:
        path: the file.
        preprocessing: the model's.
        table_path: table artifact to write.
        extra_allowed: whether columns that the model's table did not have are no problem.
        entity: the series of a panel to read; None for all rows.

    Raises:
        InputError: the file cannot be read, has no time or target column, or no rows of the entity.
    """
    source = {"kind": kind_of(path), "path": str(path)}
    with open_source(IngestConfig.parse(_section(source, preprocessing)).source) as opened:
        offered = opened.schema
    problems = checks.column_problems(offered.names, preprocessing, extra_allowed=extra_allowed)
    if not {preprocessing.time, preprocessing.target.name} <= set(offered.names):
        raise InputError(problems, heading=f"{path} cannot be forecast:")
    columns = [_column(field, preprocessing, guessed=source["kind"] == "csv") for field in offered]
    catalog = Schema(columns=tuple(column for column in columns if column is not None))
    config: dict[str, Any] = {"source": source, "catalog": catalog.model_dump(mode="json"), "on_extra": "ignore"}
    if entity is not None:
        config["filter"] = [_of_entity(entity, catalog, path)]
    ingest.run(IngestConfig.parse(config, section="rows"), table_path)


def write_forecasts(table: Table, path: Path) -> None:
    """Write a table artifact as one CSV or Parquet file; it appears whole."""
    import pyarrow.csv as pv
    import pyarrow.parquet as pq

    writer_of = {"csv": pv.CSVWriter, "parquet": pq.ParquetWriter}[kind_of(path)]
    with new_file(path) as scratch, writer_of(str(scratch), table.schema.arrow()) as writer:
        for batch in table.batches():
            writer.write_batch(batch)


def _section(source: dict[str, Any], preprocessing: Preprocessing) -> dict[str, Any]:
    return {"source": source, "time": preprocessing.time, "target": preprocessing.target.name}


def _of_entity(entity: str, catalog: Schema, path: Path) -> dict[str, Any]:
    """A filter for the rows of one series."""
    column = catalog.optional(Role.ENTITY)
    if column is None:
        raise InputError(f"--entity {entity}: {path} has no column that the model tells series apart by; leave it out")
    whole = column.dtype in {"int64", "int32"} and entity.lstrip("-").isdecimal()
    return {"column": column.name, "op": "==", "value": int(entity) if whole else entity}


def _column(field: pa.Field, preprocessing: Preprocessing, *, guessed: bool) -> Column | None:
    """How a column of the file is read; None for one without a name, or of a type that the model does not look at."""
    if not field.name:
        return None
    if field.name == preprocessing.time:
        return Column(name=field.name, dtype="timestamp", role=Role.TIME)
    if field.name == preprocessing.entity:
        return Column(
            name=field.name, dtype="string" if guessed else dtype_of(field.type) or "string", role=Role.ENTITY
        )
    role = Role.TARGET if field.name == preprocessing.target.name else Role.FEATURE
    if field.name in checks.needed(preprocessing):
        # Types of CSV columns are guesses from the first block.
        dtype = "float64" if guessed else dtype_of(field.type)
        return Column(name=field.name, dtype=dtype or "float64", role=role)
    dtype = dtype_of(field.type)
    return None if dtype is None else Column(name=field.name, dtype="string" if guessed else dtype, role=role)
