"""The ``preprocess`` section: what is forecast, how far ahead, from which rows, and on what scale."""

from __future__ import annotations

import difflib
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from components.shared.calendar import CalendarField, CalendarForm
from components.shared.config import StrictModel
from components.shared.preprocessing import HORIZONS, Predict, TargetTransform

Scaling = Literal["zscore", "minmax", "robust"]
SMALLEST_SHARE = 0.01


class SplitShares(StrictModel):
    """Shares of the rows, of a panel's dates, in order of time; the rest is the test split."""

    train: float = Field(default=0.65, ge=SMALLEST_SHARE, lt=1)
    validation: float = Field(default=0.15, ge=SMALLEST_SHARE, lt=1)

    @model_validator(mode="after")
    def _leaves_a_test_split(self) -> Self:
        if self.test < SMALLEST_SHARE - 1e-9:
            raise ValueError(
                f"expected train + validation of at most {1 - SMALLEST_SHARE:g}, so that a test split is left; "
                f"got {self.train:g} + {self.validation:g}"
            )
        return self

    @property
    def test(self) -> float:
        return 1.0 - self.train - self.validation


class PreprocessConfig(StrictModel):
    horizon: int | str = "1m"
    """How far ahead: a name (1m, 3m, 6m, 12m, in trading days) or a number of rows."""
    lookback: int = Field(default=30, ge=1)
    """Rows in a window; the last one is the day the forecast is made."""
    target_transform: TargetTransform = "difference"
    """What the model learns: the future target itself, its change from the origin, or its log-return."""
    target_history: bool = True
    """Make the target's own past a feature. It is always kept, and comes first."""
    predict: Predict = "label"
    """What a model continues: the label at the horizon, the target's whole path to it, or the paths of all features."""
    calendar: tuple[CalendarField, ...] = ()
    """Features computed from the time column and known ahead, such as month and day_of_week."""
    calendar_form: CalendarForm = "scaled"
    """Each field as one number from -0.5 to 0.5, or as sine and cosine of its phase."""
    scaling: Scaling = "zscore"
    top_k: int | None = Field(default=None, ge=1, le=1000)
    """Keep this many features beside the target's history, by mutual information with the label; null keeps all."""
    split: SplitShares = Field(default_factory=SplitShares)
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the noise that the mutual information estimate adds to break ties."""

    @field_validator("horizon", mode="before")
    @classmethod
    def _known_horizon(cls, value: object) -> object:
        rows = _as_whole_number(value)
        if rows is not None and rows >= 1:
            return rows
        if isinstance(value, str) and value in HORIZONS:
            return value
        near = difflib.get_close_matches(str(value), HORIZONS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        names = ", ".join(f"{name} = {days}" for name, days in HORIZONS.items())
        raise ValueError(f"{hint}Expected a horizon name ({names} trading days) or a number of rows of at least 1")

    @field_validator("calendar")
    @classmethod
    def _no_repeats(cls, fields: tuple[CalendarField, ...]) -> tuple[CalendarField, ...]:
        repeated = sorted({name for name in fields if fields.count(name) > 1})
        if repeated:
            raise ValueError(f"a field of the calendar is named twice: {', '.join(repeated)}")
        return fields

    @model_validator(mode="after")
    def _paths_have_a_past(self) -> Self:
        if self.predict != "label" and not self.target_history:
            raise ValueError(f"predict: {self.predict} continues the target's own past: set target_history to true")
        return self

    @property
    def horizon_rows(self) -> int:
        return HORIZONS[self.horizon] if isinstance(self.horizon, str) else self.horizon

    @property
    def horizon_name(self) -> str:
        return str(self.horizon)


def _as_whole_number(value: object) -> int | None:
    """The number a horizon states, also when JSON made it a double or a shell made it a string; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
