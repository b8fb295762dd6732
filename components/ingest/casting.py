"""Convert batches to the catalog's types, and remember the cells that cannot be converted instead of stopping there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.notation import PLAIN, Notation
from components.shared.schema import Column, Role, Schema

# Finding each unreadable cell costs some casts; a column this bad is reported as "N or more" and not searched further.
SEARCH_LIMIT = 1_000

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
NUMBERS = frozenset({"float64", "float32", "int64", "int32"})
# Text is read as the type itself, or by way of another: `2001-01-31 00:00:00` as a date, `…T05:00:00Z` as a time.
TEXT_ROUTES = {
    pa.date32(): ((pa.date32(),), (pa.timestamp("us"), pa.date32())),
    pa.timestamp("us"): ((pa.timestamp("us"),), (UTC_MICROSECONDS, pa.timestamp("us"))),
}


@dataclass(frozen=True)
class Unreadable:
    """Cells of one column of one batch that are not what the catalog says."""

    mask: pa.BooleanArray
    originals: pa.Array


class Caster:
    """Converts batch after batch of one source to the types of a schema."""

    def __init__(self, schema: Schema, notation: Notation = PLAIN) -> None:
        self._schema = schema
        self._notation = notation
        self._unreadable: Counter[str] = Counter()

    def cast(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, Unreadable]]:
        """Typed columns in the schema's order, with null in place of each cell listed as unreadable.

        NaN becomes null: a missing number has one form.
        """
        arrays, unreadable = [], {}
        for column in self._schema.columns:
            array, bad = self._cast_column(batch.column(column.name), column)
            arrays.append(array)
            if bad is not None:
                unreadable[column.name] = bad
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema.arrow()), unreadable

    def _cast_column(self, array: pa.Array, column: Column) -> tuple[pa.Array, Unreadable | None]:
        target = column.arrow_field().type
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if self._notation.time_format is not None and column.role is Role.TIME and _is_text(array):
            converted, bad = self._notation.times(array, target)
            return converted, Unreadable(_mask(bad, len(array)), array) if bad else None
        written = self._notation.numbers(array) if column.dtype in NUMBERS and _is_text(array) else array
        converted = convert(written, target)
        if converted is not None:
            return _nan_as_null(converted), None
        converted, bad = convert_piecewise(written, target, SEARCH_LIMIT - self._unreadable[column.name])
        self._unreadable[column.name] += len(bad)
        if self._unreadable[column.name] >= SEARCH_LIMIT:
            bad = [*bad, *range(bad[-1] if bad else 0, len(array))]
        return _nan_as_null(converted), Unreadable(_mask(bad, len(array)), array)


def _mask(rows: Sequence[int], length: int) -> pa.BooleanArray:
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return pa.array(mask)


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))


def convert(array: pa.Array, target: pa.DataType) -> pa.Array | None:
    """The array as ``target`` without losing anything, or None when some cell does not allow it."""
    if array.type == target:
        return array
    if pa.types.is_null(array.type) or array.null_count == len(array):
        return pa.nulls(len(array), target)
    text = _is_text(array)
    if text and target != pa.string():
        array = pc.utf8_trim_whitespace(array)
    for route in TEXT_ROUTES.get(target, ((target,),)) if text else ((target,),):
        try:
            converted = array
            for step in route:
                converted = _cast_exactly(converted, step)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        return converted
    return None


def _cast_exactly(array: pa.Array, target: pa.DataType) -> pa.Array:
    converted = array.cast(target)
    # Of all casts Arrow calls safe, only this one drops something without a word: the time of day.
    if pa.types.is_timestamp(array.type) and target == pa.date32():
        midnights = converted.cast(pa.timestamp(array.type.unit))
        if not midnights.equals(array.cast(midnights.type)):
            raise pa.ArrowInvalid("a time of day is not part of a date")
    return converted


def convert_piecewise(array: pa.Array, target: pa.DataType, limit: int) -> tuple[pa.Array, list[int]]:
    """The array as ``target`` with null for unreadable cells, and the positions of the first ``limit`` of those.

    Halves the array until the culprits stand alone, so that Arrow's own parser stays the only judge. Beyond ``limit``
    all is null.
    """
    pieces, done = [pa.nulls(0, target)], 0
    bad: list[int] = []
    pending = [(0, len(array))]
    while pending and len(bad) < limit:
        start, size = pending.pop()
        piece = convert(array.slice(start, size), target)
        if piece is None and size > 1:
            half = size // 2
            pending += [(start + half, size - half), (start, half)]
            continue
        if piece is None:
            bad.append(start)
            piece = pa.nulls(1, target)
        pieces.append(piece)
        done = start + size
    return pa.concat_arrays([*pieces, pa.nulls(len(array) - done, target)]), bad


def _nan_as_null(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    nan = pc.is_nan(array)
    return pc.if_else(nan, pa.scalar(None, array.type), array) if pc.any(nan).as_py() else array
