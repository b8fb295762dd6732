"""Row conditions: values typed by the catalog, evaluated on Arrow data, or handed to a source that can skip rows early.

A missing value (null or NaN) passes ``is_null`` only, as in SQL, whatever the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.config import Filter, IngestConfig
from components.shared.errors import InputError
from components.shared.schema import Role, Schema

COMPARISONS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
INT64_LIMIT = 1 << 63


@dataclass(frozen=True)
class Condition:
    """One test of a row. ``values`` has one item for a comparison, any number for a list, none for null tests."""

    column: str
    op: str
    values: tuple[Any, ...] = ()


def conditions_of(config: IngestConfig, schema: Schema) -> tuple[Condition, ...]:
    """The config's filters and date range with values of the catalog's types.

    Raises:
        InputError: naming every filter whose column is unknown or whose value does not fit the column.
    """
    problems: list[str] = []
    found: list[Condition] = []
    for position, item in enumerate(config.filter):
        try:
            found.append(_condition(item, schema))
        except ValueError as error:
            problems.append(f"ingest.filter.{position}: {error}")
    if problems:
        raise InputError(problems)
    return (*found, *_date_range(config, schema))


def _condition(item: Filter, schema: Schema) -> Condition:
    if item.column not in schema.names:
        raise ValueError(f"no column {item.column!r} in the catalog")
    dtype = schema[item.column].dtype
    values = item.value if isinstance(item.value, list) else [] if item.value is None else [item.value]
    return Condition(item.column, item.op, tuple(_typed(value, dtype) for value in values))


def _typed(value: Any, dtype: str) -> Any:
    """A config value as the Python value of a column's type."""
    problem = f"value {value!r} does not fit a {dtype} column"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if dtype in {"float64", "float32", "int64", "int32"} and number and abs(value) < INT64_LIMIT:
        # JSON carries 3 as 3.0; comparing integers as integers keeps them exact beyond 2**53.
        return int(value) if float(value).is_integer() else value
    if dtype == "bool" and isinstance(value, bool):
        return value
    if dtype == "string" and isinstance(value, str):
        return value
    if dtype in {"date", "timestamp"} and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{problem}: expected an ISO date such as 2001-01-31") from None
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        if dtype == "timestamp":
            return moment
        if moment.time() == time():
            return moment.date()
    raise ValueError(problem)


def _date_range(config: IngestConfig, schema: Schema) -> list[Condition]:
    time_column = schema.one(Role.TIME)
    dated = time_column.dtype == "date"
    found = []
    if config.start is not None:
        start = datetime.fromisoformat(config.start)
        # A row dated on a day is taken as midnight, so a start later that day begins with the next row.
        first = start if not dated else start.date() + timedelta(days=start.time() > time())
        found.append(Condition(time_column.name, ">=", (first,)))
    if config.end is not None:
        end = datetime.fromisoformat(config.end)
        if dated:
            found.append(Condition(time_column.name, "<=", (end.date(),)))
        elif len(config.end) == len("2001-01-31"):
            found.append(Condition(time_column.name, "<", (end + timedelta(days=1),)))
        else:
            found.append(Condition(time_column.name, "<=", (end,)))
    return found


def matches(condition: Condition, column: Any, arrow_type: pa.DataType) -> Any:
    """Whether each value passes: booleans without nulls.

    ``column`` is an array, or a dataset field expression: Arrow's functions take both.
    """
    missing = pc.is_null(column, nan_is_null=pa.types.is_floating(arrow_type))
    if condition.op == "is_null":
        return missing
    present = pc.invert(missing)
    if condition.op == "is_not_null":
        return present
    if condition.op in COMPARISONS:
        passed = COMPARISONS[condition.op](column, pa.scalar(condition.values[0]))
        return pc.and_kleene(present, passed)
    passed = pc.is_in(column, value_set=_value_set(condition.values, arrow_type))
    return pc.and_kleene(present, pc.invert(passed) if condition.op == "not_in" else passed)


def _value_set(values: Sequence[Any], arrow_type: pa.DataType) -> pa.Array:
    """The values a column of this type can hold; 2.5 is in no column of integers."""
    representable = []
    for value in values:
        try:
            representable.append(pa.scalar(value).cast(arrow_type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    found = [scalar.as_py() for scalar in representable]
    if pa.types.is_floating(arrow_type) and 0 in found:
        # Arrow's set tells 0.0 from -0.0, which are equal everywhere else.
        found += [0.0, -0.0]
    return pa.array(found, type=arrow_type)


def mask_of(conditions: Iterable[Condition], batch: pa.RecordBatch) -> pa.Array | None:
    """Which rows of a batch pass every condition, or None when there is none."""
    masks = [matches(c, batch.column(c.column), batch.schema.field(c.column).type) for c in conditions]
    return reduce(pc.and_kleene, masks) if masks else None


def expression_of(conditions: Iterable[Condition], schema: pa.Schema) -> pc.Expression | None:
    """The same conditions as one dataset expression over columns of a source, or None when there is none."""
    terms = [matches(c, pc.field(c.column), schema.field(c.column).type) for c in conditions]
    return reduce(pc.and_kleene, terms) if terms else None


def pushable(conditions: Iterable[Condition], schema: pa.Schema) -> list[Condition]:
    """The conditions a source can evaluate on its own types without losing a row that passes after conversion."""
    found = []
    for condition in conditions:
        arrow_type = schema.field(condition.column).type
        if condition.op == "is_null" and pa.types.is_floating(arrow_type):
            # Parquet statistics count nulls but not NaN, so they would rule out row groups that have NaN only.
            continue
        values = _values_as(arrow_type, condition.values)
        if values is not None:
            found.append(replace(condition, values=values))
    return found


def _values_as(arrow_type: pa.DataType, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The values as a column of this type compares them, or None when only a converted column can tell."""
    kinds = {type(value) for value in values}
    if pa.types.is_int64(arrow_type) or pa.types.is_boolean(arrow_type):
        return values if kinds <= ({int} if pa.types.is_int64(arrow_type) else {bool}) else None
    # 32-bit floats are left out: engines differ in which side of `column > 0.1` they round.
    if pa.types.is_float64(arrow_type):
        return tuple(float(value) for value in values) if kinds <= {int, float} else None
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type):
        # A text column under a numeric or date catalog holds text that compares differently: those are not strings.
        return values if kinds == {str} else None
    if pa.types.is_date(arrow_type) and kinds <= {date, datetime}:
        days = [value for value in values if not isinstance(value, datetime) or value.time() == time()]
        return tuple(_day(value) for value in days) if len(days) == len(values) else None
    if pa.types.is_timestamp(arrow_type) and kinds <= {date, datetime}:
        zone = UTC if arrow_type.tz else None
        return tuple(datetime.combine(_day(v), _clock(v), tzinfo=zone) for v in values)
    return None


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _clock(value: date) -> time:
    return value.time() if isinstance(value, datetime) else time()
