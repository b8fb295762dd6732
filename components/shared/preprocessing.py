"""Everything needed to repeat preprocessing on new rows and to invert the target: ``preprocessing.json``.

Fitted by the preprocess stage on train rows only; read by train, evaluate, explain, register and by serving.

Notation: row ``t`` of a table holds what is known at the close of day ``t``. A window of ``lookback`` rows that starts
at ``s`` ends at its *origin* ``t = s + lookback - 1``; its label is the target at ``t + horizon``. In a panel, a
table of several series, each entity's rows are consecutive, and nothing is counted across the border of two entities.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field

from components.shared import calendar
from components.shared.config import StrictModel
from components.shared.errors import ArtifactError
from components.shared.files import read_json, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

HORIZONS = {"1m": 21, "3m": 63, "6m": 126, "12m": 252}
"""Named horizons in trading days."""

TargetTransform = Literal["level", "difference", "log_return"]
Predict = Literal["label", "target_path", "all_paths"]
SPLITS = ("train", "validation", "test")


class FeatureScaling(StrictModel):
    """One feature: missing values are filled forward, then with ``fill``; then ``(x - center) / scale``."""

    name: str
    fill: float
    center: float
    scale: float = Field(gt=0)

    def apply(self, filled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled values of raw ones that were filled forward, NaN before the first known one, any shape."""
        return np.asarray((np.where(np.isnan(filled), self.fill, filled) - self.center) / self.scale)


class TargetScaling(StrictModel):
    """The label ``z = (f(y[t+h], y[t]) - center) / scale``, where ``f`` is level, difference or log-return."""

    name: str
    unit: str = ""
    transform: TargetTransform
    center: float
    scale: float = Field(gt=0)

    def label(self, future: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled label of ``future`` (target at ``t + horizon``) seen from ``origin`` (target at ``t``), any shape."""
        if self.transform == "difference":
            raw = future - origin
        elif self.transform == "log_return":
            raw = np.log(future) - np.log(origin)
        else:
            raw = np.asarray(future, dtype=np.float64)
        return np.asarray((raw - self.center) / self.scale)

    def invert(self, label: NDArray[Any], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Target in original units from a scaled label and the target at the origin; inverse of :meth:`label`."""
        raw = np.asarray(label, dtype=np.float64) * self.scale + self.center
        if self.transform == "difference":
            raw = raw + origin
        elif self.transform == "log_return":
            raw = np.exp(raw) * origin
        return np.asarray(raw)


class SplitRows(StrictModel):
    """Rows that can be a forecast origin of this split: ``first`` and ``last`` inclusive, with the dates they span.

    In a panel every entity has origins of its own in between; the dates are the earliest and the latest of them all.
    """

    first: int
    last: int
    first_date: str
    last_date: str
    windows: int


class EntityRows(StrictModel):
    """One series of a panel: its rows, ``first`` and ``last`` inclusive, and how many windows they gave.

    An entity that is too short for any split has no window; its rows lie in the arrays, and nothing is fitted on them.
    """

    name: str
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    windows: int = Field(ge=0)


class Preprocessing(StrictModel):
    """The manifest of a prepared artifact, carried into every model trained on it."""

    version: Literal[1] = 1
    time: str
    features: tuple[FeatureScaling, ...]
    target: TargetScaling
    lookback: int = Field(ge=1)
    horizon: int = Field(ge=1)
    horizon_name: str
    splits: dict[str, SplitRows]
    embargo: int
    rows: int
    source_digest: str
    selection: dict[str, float] = Field(default_factory=dict)
    """Mutual information (nats) of each candidate feature with the label on train rows; empty if none was computed."""
    constant: tuple[str, ...] = ()
    """Features that do not vary on the train rows; their scale is 1."""
    dropped: dict[str, str] = Field(default_factory=dict)
    """Columns of the table that are no feature, and why."""
    entity: str = ""
    """The column that tells the series of a panel apart; empty for one series."""
    entities: tuple[EntityRows, ...] = ()
    """The series of a panel, in the order of their rows; empty for one series."""
    known: int = Field(default=0, ge=0)
    """How many features, the last ones, are known ahead: models may read ``horizon`` rows of them past the origin."""
    calendar: tuple[str, ...] = ()
    """Which of those are computed from the time column; see :mod:`components.shared.calendar`."""
    predict: Predict = "label"
    """What a model continues: the label, or on the features' scale the target's path, or those of all but the known."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read ``preprocessing.json``.

        Raises:
            ArtifactError: absent, not JSON, or not of this shape.
        """
        try:
            return cls.model_validate(read_json(path))
        except ValueError as error:
            raise ArtifactError(f"{path} is not a preprocessing manifest: {error}") from error

    def write(self, path: str | Path) -> None:
        """Write the manifest; what only some tables have is left out for those that do not."""
        content = self.model_dump(mode="json")
        plain = {key: type(self).model_fields[key].get_default() for key in _ONLY_SOME_HAVE}
        write_json(path, {key: v for key, v in content.items() if key not in plain or getattr(self, key) != plain[key]})

    @property
    def feature_names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def steps(self) -> int:
        """Rows that a forecast continues: the horizon of a path, one label otherwise."""
        return 1 if self.predict == "label" else self.horizon

    @property
    def channels(self) -> int:
        """How many features, the leading ones, a forecast continues; 0 where it is a label."""
        return {"label": 0, "target_path": 1, "all_paths": len(self.features) - self.known}[self.predict]

    def invert(self, scaled: NDArray[Any], origin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Target in original units from what a model forecasts of it, any shape.

        Args:
            scaled: a label, or where a path is forecast, the target on its scale as a feature.
            origin: the target at the origin, of a shape that broadcasts.
        """
        if self.predict == "label":
            return self.target.invert(scaled, origin)
        own = self.features[0]
        return np.asarray(np.asarray(scaled, dtype=np.float64) * own.scale + own.center)

    def transform(self, columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Repeat the fitted preprocessing on new rows.

        Args:
            columns: raw values by column name, each of shape (rows,), NaN where missing, oldest row first; with the
                time column (datetime64) where there are calendar features, and of a panel with the entity column,
                each entity's rows together.

        Returns:
            float32 array of shape (rows, features), C-contiguous.

        Raises:
            ArtifactError: a fitted feature, or the time or entity they need, is not among ``columns``.
        """
        return self._scaled(self.features, columns)

    def transform_known(self, columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The same of the features that are known ahead only, for rows whose other columns are not known yet.

        Args:
            columns: those features and what :meth:`transform` needs beside them; features of the calendar need the
                times of the rows only. Every other value must be there: nothing is known that could be carried on.

        Returns:
            float32 array of shape (rows, known).

        Raises:
            ArtifactError: a column is not among ``columns``, or has no value in some row.
        """
        features = self.features[len(self.features) - self.known :]
        scaled = self._scaled(features, columns)
        held = [feature.name for feature in features if feature.name not in self.calendar]
        empty = [name for name in held if np.isnan(np.asarray(columns[name], dtype=np.float64)).any()]
        if empty:
            raise ArtifactError(f"known ahead means known in every row, but values are missing from {', '.join(empty)}")
        return scaled

    def _scaled(self, features: tuple[FeatureScaling, ...], columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        needed = [feature.name for feature in features if feature.name not in self.calendar]
        needed += [self.time] * any(feature.name in self.calendar for feature in features)
        needed += [self.entity] * bool(self.entity)
        missing = [name for name in needed if name not in columns]
        if missing:
            raise ArtifactError(f"new rows lack the columns {', '.join(missing)}")
        begins = series_begins(np.asarray(columns[self.entity])) if self.entity else 0
        out = np.empty((len(columns[needed[0]]), len(features)), dtype=np.float32)
        for position, feature in enumerate(features):
            if feature.name in self.calendar:
                out[:, position] = feature.apply(calendar.column(feature.name, np.asarray(columns[self.time])))
                continue
            filled = forward_fill(np.asarray(columns[feature.name], dtype=np.float64), begins)
            out[:, position] = feature.apply(filled)
        return out


_ONLY_SOME_HAVE = ("entity", "entities", "known", "calendar", "predict")


def forward_fill(values: NDArray[np.float64], begins: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
    """Carry the last finite value forward, shape (rows,); NaNs before the first finite value stay.

    Args:
        values: raw values.
        begins: first row of the series that each row belongs to, (rows,), see :func:`series_begins`; nothing is
            carried into another series. 0 for one series.
    """
    known = np.where(np.isnan(values), begins, np.arange(len(values)))
    np.maximum.accumulate(known, out=known)
    return np.asarray(values[known])


def series_begins(entities: NDArray[Any]) -> NDArray[np.int64]:
    """First row of the series that each row belongs to, (rows,), from the entity of each row."""
    rows = np.arange(len(entities))
    if len(entities):
        rows[1:][entities[1:] == entities[:-1]] = 0
    return np.asarray(np.maximum.accumulate(rows))
