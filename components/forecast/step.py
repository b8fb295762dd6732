"""What forecasting is: check the rows against the model, stream their windows through it, write what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.forecast import checks, choosing
from components.forecast.calendar import Calendar
from components.forecast.intervals import Bands
from components.forecast.output import Answer, schema_of
from components.forecast.rows import Spine, windows
from components.shared import progress
from components.shared.artifacts import Table, TrainedModel, write_table
from components.shared.errors import InputError, TandemError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from components.forecast.config import ForecastConfig

WINDOWS_A_BLOCK = 4096


@dataclass(frozen=True)
class Plan:
    """A forecast that has been checked: nothing in it can fail for want of rows or columns."""

    table: Table
    model: TrainedModel
    name: str
    spine: Spine
    origins: range
    calendar: Calendar
    bands: Bands


def run(
    config: ForecastConfig,
    table_path: str | Path,
    model_path: str | Path,
    forecasts_path: str | Path,
    *,
    name: str = "",
    rows: str = "",
) -> dict[str, Any]:
    """Forecast the target of new rows, ``horizon`` rows after each origin, in its own units.

    Args:
        config: the ``forecast`` section.
        table_path: table artifact of the new rows, with the columns of the table the model was trained on.
        model_path: model folder.
        forecasts_path: table artifact to write, a row an origin; see :mod:`components.forecast.output`.
        name: what to call the model; its kind and digest when empty.
        rows: what to call the rows in messages; the table's path when empty.

    Returns:
        Facts for the artifact's metadata: model, origins, dates, calendar, how intervals were made.

    Raises:
        InputError: rows and model do not fit; holds every problem. Nothing was written.
        TandemError: the model answers something that is not a number.
    """
    model = TrainedModel.open(model_path)
    plan = checked(config, Table.open(table_path), model, name or choosing.name_of(model), rows)
    written = write_table(forecasts_path, schema_of(plan), _answers(plan))
    if config.bigquery is not None:
        from components.forecast import bigquery_sink

        bigquery_sink.merge(written, config.bigquery)
    return _facts(plan)


def checked(config: ForecastConfig, table: Table, model: TrainedModel, name: str, rows: str = "") -> Plan:
    """Check rows, model and settings against each other; the arguments are those of :func:`run`.

    Raises:
        InputError: holding every problem found.
    """
    preprocessing = model.preprocessing
    problems = checks.column_problems(table.schema.names, preprocessing, extra_allowed=config.on_extra == "ignore")
    problems += checks.type_problems(table.schema, preprocessing)
    bands = calendar = None
    try:
        bands = Bands.of(model, config.intervals)
    except InputError as error:
        problems += error.problems
    origins, spine = range(0), None
    if {preprocessing.time, preprocessing.target.name} <= set(table.schema.names):
        spine = Spine.read(table, preprocessing, checks.given_ahead(model))
        origins = origins_of(config, spine.known_rows, preprocessing.lookback)
        mixed = checks.entity_problems(spine, preprocessing)
        problems += mixed or checks.row_problems(spine, preprocessing, origins)
        problems += [] if mixed else checks.ahead_problems(spine, preprocessing, origins)
        try:
            calendar = Calendar.of(spine.times, None if config.calendar == "auto" else config.calendar)
            problems += [] if mixed else checks.gap_problems(spine, preprocessing, calendar, config, origins)
        except InputError as error:
            problems += [] if mixed else error.problems
    if problems or bands is None or calendar is None or spine is None:
        raise InputError(problems, heading=f"{rows or table.path} cannot be forecast by {name}:")
    return Plan(table, model, name, spine, origins, calendar, bands)


def origins_of(config: ForecastConfig, rows: int, lookback: int) -> range:
    """Rows that forecasts are made from; empty when there are fewer rows than a window has."""
    wanted = config.origins if isinstance(config.origins, int) else {"last": 1, "all": rows}[config.origins]
    return range(max(lookback - 1, rows - wanted), max(rows, lookback - 1))


def _answers(plan: Plan) -> Iterator[pa.RecordBatch]:
    """Forecasts in row order; memory is bounded by a block of rows."""
    done, ahead = 0, _known_ahead(plan)
    for block in windows(plan.table, plan.model.preprocessing, plan.origins.start):
        # Rows of the future are read too, and are nothing to forecast from.
        count = int(np.searchsorted(block.origins, plan.origins.stop))
        for first in range(0, count, WINDOWS_A_BLOCK):
            part = slice(first, min(first + WINDOWS_A_BLOCK, count))
            inputs = {"window": block.values[part]}
            if ahead is not None:
                inputs["ahead"] = ahead[block.origins[part] - plan.origins.start]
            described = plan.model.describe(inputs)
            if not np.isfinite(described).all():
                raise TandemError(
                    f"{plan.name} answers NaN or infinity for rows that are finite: its training has diverged, see "
                    f"{plan.model.path / 'history.csv'}"
                )
            yield Answer.of(plan, block.origins[part], described).batch(schema_of(plan))
            done += len(described)
            progress.report("forecast", done, len(plan.origins))


def _known_ahead(plan: Plan) -> NDArray[np.float32] | None:
    """Features known ahead over the ``horizon`` rows after each origin, a view (origins, horizon, known)."""
    preprocessing, times = plan.model.preprocessing, plan.spine.times
    if "ahead" not in plan.model.input_names:
        return None
    future = plan.calendar.after(times[-1:], np.arange(1, preprocessing.horizon + 1))
    rows = slice(plan.origins.start + 1, plan.origins.stop + preprocessing.horizon)
    after = np.concatenate([times, future])[rows]
    columns: dict[str, NDArray[Any]] = {name: values[rows] for name, values in plan.spine.ahead.items()}
    columns[preprocessing.time] = after
    if preprocessing.entity:
        columns[preprocessing.entity] = np.zeros(len(after), dtype=np.int64)
    known = preprocessing.transform_known(columns)
    return np.lib.stride_tricks.sliding_window_view(known, (preprocessing.horizon, preprocessing.known))[:, 0]


def _facts(plan: Plan) -> dict[str, Any]:
    times = plan.spine.times[[plan.origins.start, plan.origins.stop - 1]]
    return {
        "model": plan.name,
        "origins": len(plan.origins),
        "first_origin": str(times[0]),
        "last_origin": str(times[1]),
        "horizon": plan.model.preprocessing.horizon,
        "calendar": plan.calendar.name,
        "interval_method": plan.bands.method if plan.bands.shares else "",
    }
