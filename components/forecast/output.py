"""The table of forecasts: one row an origin.

model origin origin_value time horizon forecast lower_80 upper_80 … interval_method

``time`` is when the forecast is for, ``horizon`` rows after ``origin``; ``interval_method`` says what the intervals
are made from, see :mod:`components.forecast.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.schema import Column, Role, Schema, interval_columns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.forecast.step import Plan

KEY = ("model", "origin", "time")
"""Columns that tell one forecast from another."""


def schema_of(plan: Plan) -> Schema:
    """Columns of the forecasts of a plan."""
    target, horizon = plan.model.preprocessing.target, plan.model.preprocessing.horizon
    described = [
        Column(name="model", dtype="string", description="version in the registry, or kind and digest"),
        Column(name="origin", dtype="timestamp", role=Role.TIME, description="last row the forecast knows"),
        Column(name="origin_value", dtype="float64", unit=target.unit, description=f"{target.name} at the origin"),
        Column(
            name="time", dtype="timestamp", description=f"when the forecast is for: {horizon} rows after the origin"
        ),
        Column(name="horizon", dtype="int64", description="rows between origin and time"),
        Column(name="forecast", dtype="float64", unit=target.unit, description=f"{target.name} at `time`"),
    ]
    for share in plan.bands.shares:
        described += [
            Column(name=name, dtype="float64", unit=target.unit, description=f"{end} end of the {share:.6g} interval")
            for name, end in zip(interval_columns(share), ("lower", "upper"), strict=True)
        ]
    described.append(Column(name="interval_method", dtype="string", description="what the intervals are made from"))
    return Schema(columns=tuple(described))


@dataclass(frozen=True)
class Answer:
    """Forecasts of some origins, by column name."""

    columns: dict[str, Any]

    @classmethod
    def of(cls, plan: Plan, origins: NDArray[np.int64], described: NDArray[np.float32]) -> Answer:
        """Put what the model said, (n, parameters) scaled, into the target's units at the horizon's time."""
        preprocessing, point = plan.model.preprocessing, plan.model.point
        values = plan.spine.targets[origins]
        columns: dict[str, Any] = {
            "model": [plan.name] * len(origins),
            "origin": plan.spine.times[origins],
            "origin_value": values,
            "time": horizon_times(plan, origins),
            "horizon": np.full(len(origins), preprocessing.horizon),
            "forecast": preprocessing.invert(described[:, point], values),
        }
        # Inverting is increasing in the label, so quantiles of the label become quantiles of the target.
        for share, both in plan.bands.around(described, point).items():
            for name, labels in zip(interval_columns(share), both, strict=True):
                columns[name] = preprocessing.invert(labels, values)
        columns["interval_method"] = [plan.bands.method if plan.bands.shares else None] * len(origins)
        return cls(columns)

    def batch(self, schema: Schema) -> pa.RecordBatch:
        import pyarrow as pa

        arrow = schema.arrow()
        arrays = [pa.array(self.columns[field.name], type=field.type) for field in arrow]
        return pa.RecordBatch.from_arrays(arrays, schema=arrow)


def horizon_times(plan: Plan, origins: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Time of the row ``horizon`` after each origin: its own where it is there, by the calendar beyond the last."""
    times, last = plan.spine.times, len(plan.spine.times) - 1
    ahead = origins + plan.model.preprocessing.horizon
    beyond = np.maximum(ahead - last, 0)
    return np.where(
        beyond > 0, plan.calendar.after(times[np.minimum(ahead, last)], beyond), times[np.minimum(ahead, last)]
    )
