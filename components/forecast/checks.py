"""What makes rows unusable for a model: all of it at once, before anything is forecast."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from components.shared.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.forecast.calendar import Calendar
    from components.forecast.config import ForecastConfig
    from components.forecast.rows import Spine
    from components.shared.artifacts import TrainedModel
    from components.shared.schema import Schema

NUMERIC = frozenset({"float64", "float32", "int64", "int32", "bool"})
SHOWN = 3


def needed(preprocessing: Preprocessing) -> list[str]:
    """Columns the model cannot do without: time, entity of a panel, target, features that are not computed."""
    series = [preprocessing.entity] if preprocessing.entity else []
    features = [name for name in preprocessing.feature_names if name not in preprocessing.calendar]
    return list(dict.fromkeys([preprocessing.time, *series, preprocessing.target.name, *features]))


def column_problems(names: Iterable[str], preprocessing: Preprocessing, *, extra_allowed: bool) -> list[str]:
    """Columns that are missing, and those that the model's table did not have."""
    offered, wanted = list(names), needed(preprocessing)
    known = {*wanted, *preprocessing.dropped, *preprocessing.selection, *preprocessing.constant}
    extra = [name for name in offered if name not in known]
    problems = []
    for name in wanted:
        if name not in offered:
            near = difflib.get_close_matches(name, extra, n=1, cutoff=0.75)
            problems.append(f"column {name} is missing" + (f"; is it the one called {near[0]}?" if near else ""))
    if extra and not extra_allowed:
        problems.append(
            f"unknown columns, which the model's table did not have: {', '.join(extra)}; leave them out, or set "
            "forecast.on_extra: ignore (--ignore-extra)"
        )
    return problems


def type_problems(schema: Schema, preprocessing: Preprocessing) -> list[str]:
    """Needed columns whose type cannot serve."""
    looked_at = set(needed(preprocessing)) - {preprocessing.entity}
    wanted = [column for column in schema.columns if column.name in looked_at]
    return [
        f"column {column.name} must hold {'times' if column.name == preprocessing.time else 'numbers'}, "
        f"got {column.dtype}"
        for column in wanted
        if column.dtype not in (("date", "timestamp") if column.name == preprocessing.time else NUMERIC)
    ]


def given_ahead(model: TrainedModel) -> list[str]:
    """Features that a model looks at past the origin, and that no calendar computes."""
    preprocessing = model.preprocessing
    ahead = preprocessing.feature_names[len(preprocessing.feature_names) - preprocessing.known :]
    return [name for name in ahead if name not in preprocessing.calendar] if "ahead" in model.input_names else []


def ahead_problems(spine: Spine, preprocessing: Preprocessing, origins: range) -> list[str]:
    """Rows of the future that a model needs and that are not there, or lack a value."""
    if not spine.ahead:
        return []
    if not origins:
        needed = preprocessing.lookback
        return [f"{spine.known_rows} rows with a target are too few: the model looks at {needed} rows up to the origin"]
    names, last, horizon = ", ".join(spine.ahead), origins.stop - 1, preprocessing.horizon
    missing = last + horizon + 1 - len(spine.times)
    if missing > 0:
        return [
            f"the model looks at {names} in the {horizon} rows after the last one with a target, "
            f"{_date(spine.times[last])}, and {missing} of them are missing: add them, with the target left empty"
        ]
    problems = []
    for name, values in spine.ahead.items():
        empty = np.flatnonzero(np.isnan(values[origins.start + 1 : last + horizon + 1])) + origins.start + 1
        if len(empty):
            problems.append(f"column {name} is known ahead, but has no value in {_at(empty, spine.times)}")
    return problems


def model_problems(model: TrainedModel) -> list[str]:
    """Why a model cannot be asked about rows that end at the origin."""
    given = given_ahead(model)
    if not given:
        return []
    return [
        f"the model looks at {', '.join(given)} past the origin, and rows that have not happened hold no value "
        "of them: train it with model.covariates: past, or with features of the calendar only"
    ]


def entity_problems(spine: Spine, preprocessing: Preprocessing) -> list[str]:
    """Rows of several series: what else could be said of them would be true of none."""
    if len(spine.entities) <= 1:
        return []
    first = min(spine.entities)
    some = ", ".join(sorted(spine.entities)[:SHOWN]) + (", ..." if len(spine.entities) > SHOWN else "")
    return [
        f"the rows are of {len(spine.entities)} entities ({some}): forecast one at a time, with --entity {first}, or "
        f"in a pipeline with ingest.filter: [{{column: {preprocessing.entity}, op: '==', value: {first}}}]"
    ]


def row_problems(spine: Spine, preprocessing: Preprocessing, origins: range) -> list[str]:
    """Too few rows, times that do not increase, and origins without a usable target."""
    rows, times = len(spine.times), spine.times
    problems = []
    if rows < preprocessing.lookback:
        problems.append(
            f"{rows} rows are too few: the model looks at {preprocessing.lookback} rows up to the origin; "
            "give at least that many, older ones first"
        )
    backward = np.flatnonzero(~(np.diff(times) > np.timedelta64(0, "us"))) + 1
    if len(backward):
        problems.append(f"times must increase from row to row, but do not in {_at(backward, times)}")
    targets = spine.targets[origins.start : origins.stop]
    unusable = ~np.isfinite(targets)
    if preprocessing.target.transform == "log_return":
        unusable |= targets <= 0
    if unusable.any():
        where = _at(np.flatnonzero(unusable) + origins.start, times)
        kind = "missing, zero or negative" if preprocessing.target.transform == "log_return" else "missing"
        problems.append(
            f"the target {preprocessing.target.name} is {kind} in {where}, "
            "where a forecast is to be made: fill it in, or leave those rows out"
        )
    return problems


def gap_problems(
    spine: Spine, preprocessing: Preprocessing, calendar: Calendar, config: ForecastConfig, origins: range
) -> list[str]:
    """Stretches without rows inside what the forecasts look at."""
    first = max(0, origins.start - preprocessing.lookback + 1)
    times = spine.times[first:]
    missing = calendar.missing_between(times)
    gaps = np.flatnonzero(missing > config.largest_gap)
    if not len(gaps):
        return []
    shown = [f"{missing[g]} rows between {_date(times[g])} and {_date(times[g + 1])}" for g in gaps[:SHOWN]]
    more = f", and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
    return [
        f"rows are missing ({calendar.name.replace('_', ' ')}): {', '.join(shown)}{more}; bring them, or allow it with "
        f"forecast.largest_gap: {missing.max()} (--largest-gap {missing.max()})"
    ]


def _at(rows: NDArray[np.intp], times: NDArray[np.datetime64]) -> str:
    shown = ", ".join(f"row {row} ({_date(times[row])})" for row in rows[:SHOWN])
    return f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}: {shown}" + (", ..." if len(rows) > SHOWN else "")


def _date(time: np.datetime64) -> str:
    return str(time).removesuffix("T00:00:00.000000").removesuffix(".000000")
