"""What ingest is: open the source, agree on columns, stream its rows through the validator into a table artifact."""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.ingest import catalog
from components.ingest.batches import made_ahead, of_size, rows_where
from components.ingest.casting import Caster
from components.ingest.config import IngestConfig
from components.ingest.filters import Condition, conditions_of
from components.ingest.grouping import by_entity
from components.ingest.registry import open_source
from components.ingest.source import Request, Source
from components.ingest.validation import Validator
from components.shared import progress
from components.shared.artifacts import Table, write_table
from components.shared.errors import InputError
from components.shared.schema import Role, Schema

LOGGER = logging.getLogger("tandem.ingest")
PROGRESS_SECONDS = 2.0
SHOWN = 5
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def run(config: IngestConfig, table_path: str | Path) -> dict[str, Any]:
    """Read the source, check every row, write the table artifact.

    Returns:
        Metadata of the artifact: rows, columns, digest, first and last time, and facts of the source.

    Raises:
        InputError: the source cannot be read, or the table is not what its catalog says. All violations are in it;
            nothing is written.
    """
    workspace = Path(f"{table_path}.progress")
    with open_source(config.source) as source:
        columns = catalog.expected(config, source.schema, source.first_rows, source.notation)
        if columns.left_out:
            _say_left_out(columns.left_out, len(source.schema))
        conditions = conditions_of(config, columns.schema)
        problems = catalog.differences(config, columns, conditions, source.schema)
        present = _readable(columns, conditions, source, problems)
        validator = Validator(present, source.notation if source.first_rows else None)
        request = _request(config, present, conditions, workspace)
        batches = _checked(source, present, request, validator, problems)
        with _disk_full_explained(table_path):
            grouped = batches if source.ordered else by_entity(batches, present, config.batch_rows, table_path)
            table = write_table(
                table_path,
                columns.wanted,
                made_ahead(of_size(config.batch_rows, grouped)),
                rows_per_shard=config.rows_per_shard,
            )
    _clear(workspace)
    return _metadata(table, validator, source, columns.left_out)


def _say_left_out(names: tuple[str, ...], offered: int) -> None:
    """In the log all of them; where progress is shown the first ones, for a log is read when it is too late."""
    LOGGER.warning("columns left out, only numbers can be features: %s", ", ".join(names))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    progress.report(f"left out: {', '.join(names[:SHOWN])}{more}; columns kept", offered - len(names), offered)


def _readable(
    columns: catalog.Expected, conditions: tuple[Condition, ...], source: Source, problems: list[str]
) -> Schema:
    """The columns to read: those wanted and those the conditions test, as far as the source has them."""
    tested = {condition.column for condition in conditions}
    offered = set(source.schema.names)
    present = [name for name in columns.schema.names if name in offered & (tested | set(columns.wanted.names))]
    if tested - offered or not present:
        # Without their conditions, rows would be judged that nobody asked for.
        raise _violations(source, [*problems, "the rows were not looked at: columns named above are needed for that"])
    return columns.schema.select(present)


def _request(config: IngestConfig, present: Schema, conditions: tuple[Condition, ...], workspace: Path) -> Request:
    order = tuple(c.name for role in (Role.ENTITY, Role.TIME) if (c := present.optional(role)) is not None)
    return Request(tuple(present.names), conditions, order, config.batch_rows, workspace)


def _checked(
    source: Source, present: Schema, request: Request, validator: Validator, problems: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield typed, filtered rows while they are clean; raise with everything found once the source is exhausted."""
    caster, reported = Caster(present, source.notation), time.monotonic()
    for raw in source.read(request):
        batch, unreadable = rows_where(request.conditions, *caster.cast(raw))
        validator.check(batch, unreadable)
        if time.monotonic() - reported > PROGRESS_SECONDS:
            reported = time.monotonic()
            progress.report("rows read", validator.rows)
        # After the first violation nothing will be kept; the rest is read only to report all of it.
        if validator.clean and not problems and not source.problems:
            yield batch
    found = [*problems, *source.problems, *validator.report()]
    if not validator.rows:
        narrowed = " after `filter`, `start` and `end`" if request.conditions else ""
        found.append(f"the table has no rows{narrowed}")
    if found:
        # What is wrong with the rows will be mended where they come from, so they must be read again.
        _clear(request.workspace)
        raise _violations(source, found)


def _clear(workspace: Path | None) -> None:
    """Remove what a source kept on disk. After a kill or a lost connection it stays, for the next attempt to go on."""
    if workspace is not None:
        shutil.rmtree(workspace, ignore_errors=True)


def _violations(source: Source, found: list[str]) -> InputError:
    noun = "problem" if len(found) == 1 else "problems"
    return InputError(found, heading=f"{source.name}: {len(found)} {noun}, nothing was written")


@contextmanager
def _disk_full_explained(table_path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        folder = Path(table_path).parent
        free = shutil.disk_usage(folder).free / (1 << 20)
        raise InputError(
            f"no room to write the table in {folder}: {error.strerror or error} ({free:,.0f} MiB free there). "
            "Free some space or choose another folder for runs; nothing half-written was left."
        ) from error


def _metadata(table: Table, validator: Validator, source: Source, left_out: tuple[str, ...]) -> dict[str, Any]:
    time_column, target = table.schema.one(Role.TIME), table.schema.optional(Role.TARGET)
    return {
        "source": source.name,
        "rows": table.rows,
        "columns": len(table.schema.columns),
        "shards": len(table.shards),
        "digest": table.digest,
        "time": time_column.name,
        "target": target.name if target is not None else "",
        "first_time": str(validator.first_time),
        "last_time": str(validator.last_time),
        "left_out": list(left_out),
        **source.facts,
    }
