"""Which columns a table must have: from its feature catalog, or inferred from the source; and what differs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from components.ingest.config import IngestConfig
from components.ingest.filters import Condition
from components.ingest.notation import PLAIN, Notation
from components.ingest.paths import existing_file
from components.ingest.source import FirstRows
from components.ingest.text_numbers import TextColumn, judge
from components.shared.errors import InputError
from components.shared.schema import Column, DType, Role, Schema

TEMPORAL = {"date", "timestamp"}
NUMERIC = {"float64", "float32", "int64", "int32", "bool"}
KEPT_ROLES = (Role.TIME, Role.ENTITY, Role.TARGET)
UNNAMED = "a column without a name"


@dataclass(frozen=True)
class Expected:
    """``schema`` is every column known, ``wanted`` those to keep, ``left_out`` columns inference could not use."""

    schema: Schema
    wanted: Schema
    left_out: tuple[str, ...] = ()


def expected(
    config: IngestConfig, offered: pa.Schema, first_rows: FirstRows | None = None, notation: Notation = PLAIN
) -> Expected:
    """Columns the table must have.

    Args:
        config: its ``catalog``, or ``time``, ``target`` and ``entity``.
        offered: columns and types of the source.
        first_rows: of the source, if its types are a guess.
        notation: how the source writes numbers and times.

    Raises:
        InputError: the catalog names no usable time column, the named columns do not exist or have a type that cannot
            serve, ``columns`` selects unknown names, or a column of numbers has cells that make it text.
    """
    if config.catalog is None:
        schema, left_out = _inferred(config, offered, first_rows, notation)
    else:
        catalog = config.catalog
        schema = Schema.from_yaml(existing_file(catalog)) if isinstance(catalog, str) else catalog
        left_out = ()
    time = schema.one(Role.TIME)
    if time.dtype not in TEMPORAL:
        raise InputError(f"{time.name}: the time column must have dtype date or timestamp, got {time.dtype}")
    return Expected(schema, _selection(config, schema), left_out)


def _selection(config: IngestConfig, schema: Schema) -> Schema:
    if config.columns is None:
        return schema
    unknown = [_unknown(name, schema.names) for name in config.columns if name not in schema.names]
    if unknown:
        raise InputError([f"ingest.columns: {problem}" for problem in unknown])
    return schema.select([*config.columns, *(column.name for column in schema.with_role(*KEPT_ROLES))])


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3) or list(filter(None, known))[:5]
    return f"no column {name!r}; nearest: {', '.join(map(_visible, near))}"


def _visible(name: str) -> str:
    """In quotes where a space at an end would go unseen."""
    return name if name == name.strip() else repr(name)


def _inferred(
    config: IngestConfig, offered: pa.Schema, first_rows: FirstRows | None, notation: Notation
) -> tuple[Schema, tuple[str, ...]]:
    """Numbers are features, the named columns have their roles, anything else is left out."""
    named = ((config.time, Role.TIME), (config.target, Role.TARGET), (config.entity, Role.ENTITY))
    roles = {name: role for name, role in named if name is not None}
    problems = [f"ingest.{role}: {_unknown(n, offered.names)}" for n, role in roles.items() if n not in offered.names]
    texts = _texts(config, offered, first_rows, notation)
    columns, left_out = [], []
    for field in offered:
        if not field.name:  # pandas writes its row numbers so: as a feature they would only say how late it is
            left_out.append(UNNAMED)
            continue
        role, dtype = roles.get(field.name, Role.FEATURE), dtype_of(field.type)
        if role is Role.TIME and (dtype == "string" or pa.types.is_null(field.type) or notation.time_format):
            dtype = "timestamp"
        if role is Role.TIME and dtype not in TEMPORAL:
            hint = "; if they are written as 20010131, set source.time_format: '%Y%m%d'" if first_rows else ""
            problems.append(f"ingest.time: {field.name} holds {field.type}, expected dates or times{hint}")
        elif role is Role.TARGET and dtype not in NUMERIC:
            problems.append(
                f"ingest.target: {field.name} holds {field.type}, expected numbers{_bad_cells(texts, field.name)}"
            )
        elif field.name in texts and texts[field.name].mostly_numbers:
            remedy = f"{texts[field.name].remedy}, or leave the column out by naming those to keep in ingest.columns"
            problems.append(f"{texts[field.name].unreadable}; the column looks like numbers: {remedy}")
        elif role is Role.FEATURE and dtype not in NUMERIC:
            left_out.append(f"{field.name} ({field.type})")
        elif dtype is None:
            problems.append(f"ingest.{role}: {field.name} holds {field.type}, which cannot serve")
        else:
            columns.append(Column(name=field.name, dtype=dtype, role=role))
    if problems:
        raise InputError(problems)
    return Schema(columns=tuple(columns)), tuple(left_out)


def _texts(
    config: IngestConfig, offered: pa.Schema, first_rows: FirstRows | None, notation: Notation
) -> dict[str, TextColumn]:
    """Text columns that somebody wants as numbers: the target, and features that are not deselected."""
    kept = {*(offered.names if config.columns is None else config.columns), config.target} - {
        config.time,
        config.entity,
    }
    names = [field.name for field in offered if field.name and field.name in kept and dtype_of(field.type) == "string"]
    return judge(first_rows(names), notation) if first_rows is not None and names else {}


def _bad_cells(texts: Mapping[str, TextColumn], name: str) -> str:
    if name not in texts:
        return ""
    return f": {str(texts[name].unreadable).removeprefix(f'{name}: ')}; {texts[name].remedy}"


def dtype_of(arrow_type: pa.DataType) -> DType | None:
    """The catalog dtype that holds an Arrow type, or None."""
    types = pa.types
    value = arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type
    if types.is_float16(value) or types.is_float32(value):
        return "float32"
    # A column that so far holds nothing is taken as numbers that start later.
    if types.is_float64(value) or types.is_decimal(value) or types.is_null(value):
        return "float64"
    if types.is_integer(value):
        return "int64" if value.bit_width == 64 or types.is_uint32(value) else "int32"
    tests: dict[DType, Callable[[pa.DataType], bool]] = {
        "bool": types.is_boolean,
        "date": types.is_date,
        "timestamp": types.is_timestamp,
        "string": lambda t: types.is_string(t) or types.is_large_string(t),
    }
    return next((dtype for dtype, test in tests.items() if test(value)), None)


def differences(
    config: IngestConfig, columns: Expected, conditions: Iterable[Condition], offered: pa.Schema
) -> list[str]:
    """Columns the source lacks, and columns it has that the catalog does not know."""
    needed = {*columns.wanted.names, *(condition.column for condition in conditions)}
    missing = [name for name in columns.schema.names if name in needed and name not in offered.names]
    extra = [name for name in offered.names if name not in columns.schema.names]
    problems = []
    for name in missing:
        near = difflib.get_close_matches(name, extra, n=1)
        hint = f"; is it the one called {_visible(near[0])}?" if near else ""
        problems.append(f"{name}: missing from the source{hint}")
    if config.catalog is not None and config.on_extra == "error":
        advice = "add it to the catalog, or set ingest.on_extra: ignore"
        problems += [f"{name or UNNAMED}: extra column that the catalog does not name; {advice}" for name in extra]
    return problems
