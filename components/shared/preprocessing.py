"""Everything needed to repeat preprocessing on new rows and to invert the target: ``preprocessing.json``.

Fitted by the preprocess stage on train rows only; read by train, evaluate, explain, register and by serving.

Notation: row ``t`` of a table holds what is known at the close of day ``t``. A window of ``lookback`` rows that starts
at ``s`` ends at its *origin* ``t = s + lookback - 1``; its label is the target at ``t + horizon``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field

from components.shared.config import StrictModel
from components.shared.errors import ArtifactError
from components.shared.files import read_json, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

HORIZONS = {"1m": 21, "3m": 63, "6m": 126, "12m": 252}
"""Named horizons in trading days."""

TargetTransform = Literal["level", "difference", "log_return"]
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
    """Rows that can be a forecast origin of this split: ``first`` and ``last`` inclusive, with their dates."""

    first: int
    last: int
    first_date: str
    last_date: str
    windows: int


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
        write_json(path, self.model_dump(mode="json"))

    @property
    def feature_names(self) -> list[str]:
        return [feature.name for feature in self.features]

    def transform(self, columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Repeat the fitted preprocessing on new rows.

        Args:
            columns: raw values by column name, each of shape (rows,), NaN where missing, oldest row first.

        Returns:
            float32 array of shape (rows, features), C-contiguous.

        Raises:
            ArtifactError: a fitted feature is not among ``columns``.
        """
        missing = [name for name in self.feature_names if name not in columns]
        if missing:
            raise ArtifactError(f"new rows lack the columns {', '.join(missing)}")
        rows = len(columns[self.feature_names[0]])
        out = np.empty((rows, len(self.features)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            out[:, position] = feature.apply(forward_fill(np.asarray(columns[feature.name], dtype=np.float64)))
        return out


def forward_fill(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry the last finite value forward, shape (rows,); NaNs before the first finite value stay."""
    known = np.where(np.isnan(values), 0, np.arange(len(values)))
    np.maximum.accumulate(known, out=known)
    return np.asarray(values[known])
