"""Streams of shards come back in one order, whether they are merged or sorted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ingest import merging
from components.ingest.batches import made_ahead
from components.ingest.merging import in_order, is_sorted, merged
from components.ingest.shards import ShardWriter, finished, next_row

SCHEMA = pa.schema([("mill", pa.string()), ("day", pa.int64())])
Row = tuple[str, int]


def batch(rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"mill": [m for m, _ in rows], "day": [d for _, d in rows]}, schema=SCHEMA)


def rows_of(batches: Any) -> list[Row]:
    return [(row["mill"], row["day"]) for one in batches for row in one.to_pylist()]


rows = st.lists(st.tuples(st.sampled_from(["a", "b", "É"]), st.integers(0, 30)), max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams=st.lists(rows, max_size=4), size=st.integers(1, 6), order=st.sampled_from([["mill", "day"], ["day"]]))
def test_sorted_streams_are_merged(streams: list[list[Row]], size: int, order: list[str]) -> None:
    key = (lambda row: row) if len(order) == 2 else (lambda row: row[1])
    ordered = [sorted(stream, key=key) for stream in streams]
    runs = [[batch(stream[i : i + size]) for i in range(0, len(stream), size)] for stream in ordered]
    assert all(is_sorted(run, order) for run in runs)
    found = rows_of(merged([iter(run) for run in runs], order))
    assert [key(row) for row in found] == sorted(key(row) for stream in streams for row in stream)
    assert sorted(found) == sorted(row for stream in streams for row in stream)


@settings(deadline=None)
@given(stream=rows, size=st.integers(1, 6))
def test_order_is_seen_across_batches(stream: list[Row], size: int) -> None:
    batches = [batch(stream[i : i + size]) for i in range(0, len(stream), size)]
    assert is_sorted(batches, ["mill", "day"]) == (stream == sorted(stream))


def test_rows_without_a_value_to_order_by_are_no_order() -> None:
    given_rows = pa.RecordBatch.from_pydict({"mill": ["a", None], "day": [1, 2]}, schema=SCHEMA)
    assert not is_sorted([given_rows], ["mill", "day"])
    assert is_sorted([given_rows], ["day"])


@pytest.fixture
def shards(tmp_path: Path) -> Any:
    """``shards(stream, rows...)`` writes a stream of one batch a list of rows."""

    def write(stream: int, *parts: list[Row], first: int = 0) -> list[Any]:
        writer = ShardWriter(tmp_path, stream, SCHEMA.serialize().to_pybytes(), first)
        for part in parts:
            writer.write(batch(part).serialize().to_pybytes(), len(part))
        writer.close()
        return finished(tmp_path, stream)

    return write


@pytest.mark.parametrize("descending", [False, True], ids=["merged", "sorted"])
def test_shards_of_several_streams_come_in_order(shards: Any, tmp_path: Path, descending: bool) -> None:
    one = [("a", day) for day in range(0, 40, 2)]
    two = [("a", day) for day in range(1, 40, 2)]
    parts = [stream[::-1] if descending else stream for stream in (one, two)]
    streams = [shards(number, part[:8], part[8:]) for number, part in enumerate(parts)]
    found = rows_of(in_order(streams, SCHEMA, ["mill", "day"], 16, tmp_path))
    assert found == sorted([*one, *two])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("sort-")]


def test_a_long_stream_is_cut_into_shards_and_gone_on_with(
    shards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.ingest.shards.SHARD_BYTES", 1)
    shards(0, [("a", 1), ("a", 2)], [("a", 3)])
    assert next_row(tmp_path, 0) == 3
    found = shards(0, [("a", 4)], first=3)
    assert [(shard.first, shard.stop) for shard in found] == [(0, 2), (2, 3), (3, 4)]
    assert rows_of(merging._rows(found)) == [("a", day) for day in (1, 2, 3, 4)]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".arrow"] * 3


def test_batches_made_ahead_are_the_same_and_an_error_comes_in_its_place() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from (batch([("a", day)]) for day in range(5))
        raise OSError("the sixth")

    assert rows_of(made_ahead(batch([("a", day)]) for day in range(50))) == [("a", day) for day in range(50)]
    assert rows_of(made_ahead(iter([]))) == []
    seen = []
    with pytest.raises(OSError, match="the sixth"):
        for one in made_ahead(broken()):
            seen += rows_of([one])
    assert seen == [("a", day) for day in range(5)]


def test_what_is_made_ahead_stops_with_its_use() -> None:
    made = []

    def endless() -> Iterator[pa.RecordBatch]:
        while True:
            made.append(threading.current_thread())
            yield batch([("a", len(made))])

    stream = made_ahead(endless(), most=2)
    next(stream)
    assert made[0] is threading.current_thread(), "a download must be in reach of an interrupt"
    stream.close()
    assert len(made) <= 5
