"""Raw columns of instances to the windows a model takes, by the very preprocessing it was trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from components.forecast.calendar import Calendar
from components.serving.messages import RequestError
from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.preprocessing import Preprocessing

_INSTANCE = "_instance"
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Instance:
    """One checked instance: ``values`` float64 (columns, rows), ``times`` datetime64[us] (rows,) or None."""

    values: NDArray[np.float64]
    times: NDArray[np.datetime64] | None
    origin_value: float
    calendar: Calendar | None


@dataclass(frozen=True)
class Reader:
    """Checks instances against what a model needs, and turns them into its inputs."""

    preprocessing: Preprocessing
    looks_ahead: bool

    @cached_property
    def columns(self) -> list[str]:
        """Columns of numbers that an instance must have, in the order of :attr:`Instance.values`."""
        names = [name for name in self.preprocessing.feature_names if name not in self.preprocessing.calendar]
        return list(dict.fromkeys([*names, *([self.preprocessing.target.name] if self._needs_target else [])]))

    @property
    def _needs_target(self) -> bool:
        return self.preprocessing.target.transform != "level" and self.preprocessing.predict == "label"

    @property
    def needs_times(self) -> bool:
        """Whether an instance must say when its rows were, for features of the calendar."""
        return bool(self.preprocessing.calendar)

    def read(self, instances: Sequence[dict[str, list[Any]]]) -> list[Instance]:
        """Check all instances.

        Raises:
            RequestError: naming every problem with its instance, column and row.
        """
        problems: list[str] = []
        found = [self._read(instance, f"instances[{number}]", problems) for number, instance in enumerate(instances)]
        if problems:
            raise RequestError(problems)
        return [instance for instance in found if instance is not None]

    def _read(self, given: dict[str, list[Any]], place: str, problems: list[str]) -> Instance | None:
        before = len(problems)
        time = self.preprocessing.time
        missing = [name for name in [*self.columns, *[time] * self.needs_times] if name not in given]
        unknown = [name for name in given if name not in self.columns and name not in self._ignored]
        problems += [f"{place}: the column {name} is missing" for name in missing]
        problems += [f"{place}: the model knows no column {name}; it takes {self._listed}" for name in unknown]
        lengths = {len(values) for values in given.values()}
        if len(lengths) > 1:
            shown = ", ".join(f"{name} {len(values)}" for name, values in list(given.items())[:4])
            problems.append(f"{place}: columns must have equally many rows, got {shown}")
        elif min(lengths, default=0) < self.preprocessing.lookback:
            problems.append(
                f"{place}: the model looks at {self.preprocessing.lookback} rows, got {min(lengths or {0})}"
            )
        if len(problems) > before:
            return None
        values = _numbers([given[name] for name in self.columns], self.columns, place, problems)
        times = _times(given[time], f"{place}.{time}", problems) if time in given else None
        calendar = self._calendar(times, place, problems) if times is not None else None
        if len(problems) > before:
            return None
        return Instance(values, times, self._origin_value(values, place, problems), calendar)

    @property
    def _listed(self) -> str:
        names = [self.preprocessing.time, *self.columns]
        return ", ".join(names[:8]) + (f", … ({len(names)} in all; GET /model lists them)" if len(names) > 8 else "")

    @cached_property
    def _ignored(self) -> frozenset[str]:
        """Columns of the training table that are no feature, which rows taken from it also have."""
        names = (self.preprocessing.time, self.preprocessing.entity, self.preprocessing.target.name)
        return frozenset([*names, *self.preprocessing.dropped])

    def _origin_value(self, values: NDArray[np.float64], place: str, problems: list[str]) -> float:
        """The target at the origin, NaN where the answer does not depend on it."""
        if not self._needs_target:
            return math.nan
        name = self.preprocessing.target.name
        value = float(values[self.columns.index(name), -1])
        if math.isnan(value) or (self.preprocessing.target.transform == "log_return" and value <= 0):
            problems.append(f"{place}.{name}: the last row must hold a positive number, the forecast starts from it")
        return value

    def _calendar(self, times: NDArray[np.datetime64], place: str, problems: list[str]) -> Calendar | None:
        try:
            return Calendar.of(times)
        except InputError:
            if self.looks_ahead:
                problems.append(f"{place}: the rows are too unevenly spaced to know the times that follow them")
            return None  # the forecast then says how many rows ahead it is, but not when

    def inputs(self, instances: Sequence[Instance]) -> dict[str, NDArray[np.float32]]:
        """What the model takes: ``window`` (n, lookback, features), ``ahead`` (n, horizon, known) if it looks ahead.

        All instances pass through the preprocessing as one panel, an instance a series: nothing that is missing in
        one is filled from another, and a batch costs what one instance costs.
        """
        lookback = self.preprocessing.lookback
        ends = np.cumsum([instance.values.shape[1] for instance in instances])
        owner = np.repeat(np.arange(len(instances)), np.diff(ends, prepend=0))
        columns: dict[str, Any] = dict(zip(self.columns, np.concatenate([i.values for i in instances], axis=1),
                                           strict=True))  # fmt: skip
        if self.needs_times:
            columns[self.preprocessing.time] = np.concatenate([i.times for i in instances if i.times is not None])
        as_panel = self.preprocessing.model_copy(update={"entity": _INSTANCE})
        scaled = as_panel.transform({**columns, _INSTANCE: owner})
        inputs = {"window": np.stack([scaled[end - lookback : end] for end in ends])}
        if self.looks_ahead:
            inputs["ahead"] = np.stack([self._ahead(instance) for instance in instances])
        return inputs

    def _ahead(self, instance: Instance) -> NDArray[np.float32]:
        """Features of the calendar over the rows that follow, (horizon, known)."""
        alone = self.preprocessing.model_copy(update={"entity": ""})
        return alone.transform_known({self.preprocessing.time: self._following(instance)})

    def _following(self, instance: Instance) -> NDArray[np.datetime64]:
        if instance.times is None or instance.calendar is None:
            raise ValueError("an instance of a model that looks ahead was read without its calendar")
        return instance.calendar.after(instance.times[-1:], np.arange(1, self.preprocessing.horizon + 1))

    def dates(self, instance: Instance) -> dict[str, str]:
        """``origin`` and ``time`` of the forecast, as far as they are known."""
        if instance.times is None:
            return {}
        found = {"origin": str(instance.times[-1])}
        if instance.calendar is not None:
            found["time"] = str(self._following(instance)[-1])
        return found


def _numbers(columns: list[list[Any]], names: list[str], place: str, problems: list[str]) -> NDArray[np.float64]:
    """Columns as float64, NaN where null. NumPy tells at once whether all are numbers; else a slow look says where."""
    try:
        plain = np.array(columns)
    except ValueError:  # a value is a list itself
        plain = np.array(None)
    if plain.dtype.kind in "fiu" and plain.ndim == 2 and (np.abs(plain) <= LARGEST).all():
        return plain.astype(np.float64)
    for name, values in zip(names, columns, strict=True):
        for row, value in enumerate(values):
            if value is None or (isinstance(value, (int, float)) and abs(value) <= LARGEST):
                continue
            problems.append(
                f"{place}.{name}[{row}]: expected a number of at most {LARGEST:.2g} or null, got {value!r:.40}"
            )
    if problems:
        return np.empty((len(names), 0))
    return np.array(columns, dtype=np.float64)


def _times(values: list[Any], place: str, problems: list[str]) -> NDArray[np.datetime64] | None:
    try:
        if not all(isinstance(value, str) for value in values):
            raise ValueError("not text")
        times = np.array(values, dtype="datetime64[us]")
    except ValueError:
        problems.append(f"{place}: expected dates such as 2010-09-07 or 2010-09-07T15:30:00")
        return None
    if np.isnat(times).any() or not (np.diff(times) > np.timedelta64(0, "us")).all():
        problems.append(f"{place}: times must increase from row to row")
        return None
    return times
