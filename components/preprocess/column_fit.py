"""Fit one column of any length: its median and its scale, from blocks of its values.

A short column is fitted in memory by NumPy. A long one is asked for in SQL, of DuckDB, which streams the blocks past
its aggregates as often as it takes; nothing of the column stays in memory. Both give the same figures up to rounding,
and medians and quartiles to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.scaling import center_and_scale, fit_feature, impute, is_constant
from components.shared.preprocessing import FeatureScaling
from components.shared.sql import DUCKDB, Query
from components.shared.statistics import Column, Summary, between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.preprocess.config import Scaling

IN_MEMORY = 1 << 21
"""Values up to which NumPy is quicker than asking: 16 MiB, and as much again for each of its steps."""
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Values:
    """A column in blocks of float64, NaN where missing; ``blocks`` gives all of them anew at each call."""

    blocks: Callable[[], Iterable[NDArray[np.float64]]]
    count: int

    def joined(self) -> NDArray[np.float64]:
        parts = list(self.blocks())
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0)])

    def extremes(self) -> tuple[float, float]:
        """Least and greatest value; NaN if one is missing."""
        found = np.asarray([(np.min(block), np.max(block)) for block in self.blocks()])
        return float(np.min(found[:, 0])), float(np.max(found[:, 1]))


@dataclass(frozen=True)
class Fit:
    """A feature's scaling, and whether it does not vary."""

    scaling: FeatureScaling
    constant: bool


def fit(name: str, values: Values, kind: Scaling) -> Fit | None:
    """Fit a feature on its train rows; None when it has no value at all there.

    Args:
        name: of the column.
        values: on train rows, filled forward; missing only before the first known value.
        kind: how to scale.
    """
    if values.count <= IN_MEMORY:
        seen = values.joined()
        scaling = fit_feature(name, seen, kind)
        return Fit(scaling, is_constant(impute(seen, scaling.fill))) if scaling is not None else None
    with asked(values) as column:
        summary = column.summary()
        if not summary.known:
            return None
        (fill,) = column.quantiles([0.5], summary)
        whole = imputed(summary, fill)
        constant = _constant(whole)
        center, scale = (whole.low, 1.0) if constant else _scale(column, summary, whole, fill, kind)
    return Fit(FeatureScaling(name=name, fill=fill, center=center, scale=scale), constant)


def scale_of(values: Values, kind: Scaling) -> tuple[float, float]:
    """Centre and scale of values, none of them missing; see :func:`components.preprocess.scaling.center_and_scale`."""
    if values.count <= IN_MEMORY:
        return center_and_scale(values.joined(), kind)
    with asked(values) as column:
        summary = column.summary()
        if _constant(summary):
            return summary.low, 1.0
        return _scale(column, summary, summary, 0.0, kind)


def imputed(known: Summary, fill: float) -> Summary:
    """The summary of a column once its missing values are ``fill``, from that of its known ones.

    Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979, eq. 2.1.
    """
    missing = known.rows - known.known
    mean = known.mean + (fill - known.mean) * missing / known.rows
    squares = known.known * known.deviation**2 + (fill - known.mean) ** 2 * known.known * missing / known.rows
    low, high = min(known.low, fill), max(known.high, fill)
    return Summary(known.rows, known.rows, mean, float(np.sqrt(squares / known.rows)), low, high)


def _scale(column: Column, known: Summary, whole: Summary, fill: float, kind: Scaling) -> tuple[float, float]:
    deviation = whole.deviation or whole.high - whole.low
    if kind == "minmax":
        return whole.low, whole.high - whole.low
    if kind == "robust":
        lower, median, upper = quartiles(column, known, fill)
        return median, upper - lower or deviation
    return whole.mean, deviation


def quartiles(column: Column, known: Summary, fill: float) -> list[float]:
    """Quartiles of a column whose missing values are its median ``fill``, so stand in the middle of the known ones."""
    missing, below = known.rows - known.known, (known.known + 1) // 2

    def rank_of(rank: int) -> int | None:
        """Rank among the known values of a rank among all; None for one that was filled in."""
        return rank if rank < below else None if rank < below + missing else rank - missing

    places = [share * (known.rows - 1) for share in QUARTILES]
    ends = [(int(place), min(int(place) + 1, known.rows - 1)) for place in places]
    ranks = {inner for pair in ends for rank in pair if (inner := rank_of(rank)) is not None}
    found = column.at_ranks(sorted(ranks), known)

    def value_of(rank: int) -> float:
        inner = rank_of(rank)
        return fill if inner is None else found[inner]

    return [
        between(value_of(low), value_of(high), place - low) for place, (low, high) in zip(places, ends, strict=True)
    ]


def _constant(summary: Summary) -> bool:
    return is_constant(np.asarray([summary.low, summary.high]))


@contextmanager
def asked(values: Values) -> Iterator[Column]:
    """The values as a column that DuckDB answers questions about, streaming them anew for each."""
    import duckdb
    import pyarrow as pa

    schema = pa.schema([("value", pa.float64())])

    def batches() -> Iterator[pa.RecordBatch]:
        for block in values.blocks():
            yield pa.record_batch([pa.array(block)], schema=schema)

    # One thread: sums of the same values in another order differ in the last bits, and so would the artifact.
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": "false"}) as connection:

        def ask(query: Query) -> list[tuple[object, ...]]:
            connection.register("streamed", pa.RecordBatchReader.from_batches(schema, batches()))
            try:
                return connection.sql(query.text, params=query.parameters or None).fetchall()
            finally:
                connection.unregister("streamed")

        yield Column(ask, DUCKDB, "streamed", "value")
