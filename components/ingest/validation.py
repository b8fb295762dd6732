"""Check a stream of batches against a schema and report everything that is wrong, each with column, count and rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.casting import SEARCH_LIMIT, Unreadable
from components.ingest.notation import Notation, has_marks
from components.ingest.ordering import TimeOrder
from components.shared.schema import Column, Role, Schema

FIRST_ROWS = 3
NUMERIC = {"float64", "float32", "int64", "int32"}


@dataclass
class Finding:
    """One rule that one column breaks.

    ``first`` holds row numbers, counted from 1, with their values; ``remedy`` says what to type.
    """

    column: str
    rule: str
    count: int = 0
    first: list[tuple[int, Any]] = field(default_factory=list)
    limit: int | None = None
    remedy: str = ""

    def __str__(self) -> str:
        count = f"{self.count:,}" if self.limit is None or self.count < self.limit else f"{self.limit:,} or more"
        rows = ", ".join(f"row {row:,} ({_shown(value)})" for row, value in self.first)
        return f"{self.column}: {count} {'row' if self.count == 1 else 'rows'} {self.rule}; first: {rows}{self.remedy}"


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


class Validator:
    """Keeps counts and first rows of every broken rule; its memory does not grow with the table.

    ``notation`` is that of a source of text, None for others.
    """

    def __init__(self, schema: Schema, notation: Notation | None = None) -> None:
        self.rows = 0
        self.first_time: Any = None
        self.last_time: Any = None
        self._schema = schema
        self._notation = notation
        self._findings: dict[tuple[str, str], Finding] = {}
        self._missing: Counter[str] = Counter()
        self._first_missing: dict[str, list[int]] = {}
        self._order = TimeOrder()
        self._time = schema.optional(Role.TIME)
        self._entity = schema.optional(Role.ENTITY)

    @property
    def clean(self) -> bool:
        """No row so far breaks a rule; shares of missing values are known only at the end."""
        return not self._findings

    def check(self, batch: pa.RecordBatch, unreadable: dict[str, Unreadable]) -> None:
        """Look at one batch of the schema's columns; call in row order."""
        for column in self._schema.columns:
            array, bad = batch.column(column.name), unreadable.get(column.name)
            if bad is not None:
                rule, remedy = self._unreadable_as(column, bad)
                self._note(column.name, rule, bad.mask, bad.originals, limit=SEARCH_LIMIT, remedy=remedy)
            self._check_missing(column, array, bad)
            if column.dtype in NUMERIC:
                self._check_numbers(column, array)
        if self._time is not None:
            self._check_time(batch, self._time)
        self.rows += batch.num_rows

    def report(self) -> list[str]:
        """One line a broken rule, in the schema's order of columns."""
        for column in self._schema.columns:
            missing = self._missing[column.name]
            allowed = 0.0 if column.role in {Role.TIME, Role.ENTITY} else column.max_null_share
            if missing > allowed * self.rows:
                share = f"({missing / self.rows:.2%} of {self.rows:,}; at most {allowed:.2%} allowed)"
                first = [(row, None) for row in self._first_missing[column.name]]
                rule = f"without a value {share}"
                self._findings[column.name, rule] = Finding(column.name, rule, missing, first)
        position = {name: index for index, name in enumerate(self._schema.names)}
        return [str(f) for f in sorted(self._findings.values(), key=lambda f: position[f.column])]

    def _check_missing(self, column: Column, array: pa.Array, bad: Unreadable | None) -> None:
        if not array.null_count:
            return
        missing = pc.is_null(array)
        if bad is not None:
            missing = pc.and_not(missing, bad.mask)
        self._missing[column.name] += missing.true_count
        first = self._first_missing.setdefault(column.name, [])
        first += [self.rows + 1 + row for row in _positions(missing, FIRST_ROWS - len(first))]

    def _check_numbers(self, column: Column, array: pa.Array) -> None:
        extremes = pc.min_max(array).as_py()
        lowest, highest = extremes["min"], extremes["max"]
        if lowest is None:
            return
        if np.isinf(lowest) or np.isinf(highest):
            infinite = pc.is_inf(array)
            self._note(column.name, "infinite", infinite, array)
            array = pc.if_else(infinite, pa.scalar(None, array.type), array)
        low, high = column.range
        # The extremes of a batch settle the common case without a second pass over it.
        if low is not None and lowest < low:
            self._note(column.name, f"below {low:g}", pc.less(array, low), array)
        if high is not None and highest > high:
            self._note(column.name, f"above {high:g}", pc.greater(array, high), array)

    def _check_time(self, batch: pa.RecordBatch, column: Column) -> None:
        times = batch.column(column.name)
        entities = batch.column(self._entity.name) if self._entity is not None else None
        repeated, backwards = self._order.check(times, entities)
        within = f" of the same {self._entity.name}" if self._entity is not None else ""
        series = "" if within else ", or name the column that tells several series apart as ingest.entity"
        for positions, rule, remedy in (
            (repeated, f"with the time of the row before{within} (duplicate)", f"keep one row a time{series}"),
            (backwards, f"earlier than the row before{within} (not sorted)", f"put the oldest row first{series}"),
        ):
            if len(positions):
                mask = np.zeros(len(times), dtype=bool)
                mask[positions] = True
                self._note(column.name, rule, pa.array(mask), times, remedy=f"; {remedy}")
        extremes = pc.min_max(times).as_py()
        if extremes["min"] is not None:
            self.first_time = min(filter(None, (self.first_time, extremes["min"])))
            self.last_time = max(filter(None, (self.last_time, extremes["max"])))

    def _unreadable_as(self, column: Column, bad: Unreadable) -> tuple[str, str]:
        """The rule that unreadable cells break, and the remedy."""
        told = self._notation.time_format if self._notation is not None and column.role is Role.TIME else None
        form = told or {"date": "YYYY-MM-DD", "timestamp": "YYYY-MM-DD hh:mm:ss"}.get(column.dtype)
        rule, remedy = f"that cannot be read as {column.dtype}{f' ({form})' if form else ''}", ""
        if self._notation is not None and column.role is Role.TIME and not told:
            remedy = "; if all are written so, set source.time_format, for example '%d/%m/%Y'"
        if self._notation is not None and column.dtype in NUMERIC and has_marks(bad.originals.filter(bad.mask)):
            remedy = "; say how numbers are written with source.decimal and source.thousands"
        return rule, remedy

    def _note(
        self, column: str, rule: str, mask: pa.Array, values: pa.Array, limit: int | None = None, remedy: str = ""
    ) -> None:
        if not mask.true_count:
            return
        finding = self._findings.setdefault((column, rule), Finding(column, rule, limit=limit, remedy=remedy))
        finding.count += mask.true_count
        wanted = _positions(mask, FIRST_ROWS - len(finding.first))
        finding.first += [(self.rows + 1 + row, values[row].as_py()) for row in wanted]


def _positions(mask: pa.BooleanArray, limit: int) -> list[int]:
    """The first positions where a mask is true. Not by way of NumPy: Arrow would load pandas for that."""
    positions: list[int] = pc.indices_nonzero(mask).slice(0, limit).to_pylist()
    return positions
