from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.ordering import TimeOrder

ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 4))), max_size=14)


def days(values: list[int | None]) -> pa.Array:
    return pa.array([None if v is None else date(2020, 1, 1) + timedelta(days=v) for v in values], pa.date32())


def expected(rows: list[tuple[Any, int | None]]) -> tuple[list[int], list[int]]:
    last: dict[Any, int] = {}
    repeated, backwards = [], []
    for position, (entity, day) in enumerate(rows):
        if day is None:
            continue
        if entity in last and day == last[entity]:
            repeated.append(position)
        if entity in last and day < last[entity]:
            backwards.append(position)
        last[entity] = day
    return repeated, backwards


@pytest.mark.parametrize("by_entity", [True, False], ids=["entities", "one series"])
@settings(deadline=None)
@given(rows=ROWS, cut=st.integers(0, 14))
def test_order_is_judged_row_by_row_wherever_batches_end(
    by_entity: bool, rows: list[tuple[Any, int | None]], cut: int
) -> None:
    order = TimeOrder()
    repeated: list[int] = []
    backwards: list[int] = []
    for start, part in ((0, rows[:cut]), (min(cut, len(rows)), rows[cut:])):
        entities = pa.array([entity for entity, _ in part], pa.string()) if by_entity else None
        found = order.check(days([day for _, day in part]), entities)
        repeated += [start + int(position) for position in found[0]]
        backwards += [start + int(position) for position in found[1]]
    judged = rows if by_entity else [(None, day) for _, day in rows]
    assert (repeated, backwards) == expected(judged)
