"""What may be asked of the scenario engine, and how much of it: files, the command line and the service share these.

Rows are counted from the origin, the last row the model looks at: 0 is the origin, -4 is four rows earlier, 1 is the
first row ahead, which only features known ahead have. Features are named, or matched by a pattern: ``SM_price*``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from components.ingest.config import Comparison
from components.shared.config import StrictModel

MOST_SHOCKS = 50
MOST_NAMES = 100
MOST_VALUES = 1_000
MOST_BARS = 300
FURTHEST_ROW = 100_000
MOST_PASSES = 1_000
LONGEST_ROLL = 260
"""Rows that a derived column may look back: a year of trading days and a little more."""


def _moment(value: Any) -> str:
    """An ISO date and time, in UTC where it names a zone, without one; YAML reads dates as dates."""
    text = value.isoformat() if isinstance(value, date) else value
    try:
        moment = datetime.fromisoformat(text)
        plain = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a date such as 2010-06-30 or 2010-06-30T12:00") from None
    return plain.isoformat()


Moment = Annotated[str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date"})]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Row = Annotated[int, Field(ge=-FURTHEST_ROW, le=FURTHEST_ROW)]
Count = Annotated[int, Field(ge=1, le=FURTHEST_ROW)]
Amount = Annotated[float, Field(ge=-1e12, le=1e12)]
Patterns = Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_NAMES)]
Unit = Literal["add", "percent", "sigma", "sigma_change"]


class Step(StrictModel):
    """In full from ``start`` on."""

    kind: Literal["step"] = "step"
    start: Row = 0


class Ramp(StrictModel):
    """Grows evenly over ``rows`` rows, the first of them ``start``, and then stays."""

    kind: Literal["ramp"]
    start: Row = -4
    rows: Count = 5


class Pulse(StrictModel):
    """In full for ``rows`` rows from ``start`` on, and then gone."""

    kind: Literal["pulse"]
    start: Row = 0
    rows: Count = 1


class Decay(StrictModel):
    """In full at ``start``; half of it is gone after every ``half_life`` rows."""

    kind: Literal["decay"]
    start: Row = -4
    half_life: float = Field(default=5.0, gt=0, le=FURTHEST_ROW)


Shape = Annotated[Step | Ramp | Pulse | Decay, Field(discriminator="kind")]


class Condition(StrictModel):
    """A shock holds only in rows where ``column`` (a feature, the target, or the time) compares like this.

    It is asked of the rows as the shocks before this one have left them.
    """

    column: Name
    op: Comparison
    value: float | Moment
    """A number, or for the time column a date such as 2010-06-30."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=20)]


class Move(StrictModel):
    """Add an amount, a percentage of each value, or a number of standard deviations of the train rows.

    ``sigma`` is the deviation of the values, ``sigma_change`` that of their changes from one row to the next.
    """

    kind: Unit
    features: Patterns
    amount: Amount
    shape: Shape = Step()
    when: Conditions = ()


class Level(StrictModel):
    """Bring the values to ``value``: all the way where the shape is in full, part of the way where it is not."""

    kind: Literal["set"]
    features: Patterns
    value: Amount
    shape: Shape = Step()
    when: Conditions = ()


class Replacement(StrictModel):
    """Put ``values`` in place of what is there, one a row, from ``start`` on; null lets them end at the origin."""

    kind: Literal["replace"]
    features: Patterns
    values: tuple[Amount, ...] = Field(min_length=1, max_length=MOST_VALUES)
    start: Row | None = None
    when: Conditions = ()


Shock = Annotated[Move | Level | Replacement, Field(discriminator="kind")]


class WeightedSum(StrictModel):
    """``name = sum(weight * column)``."""

    kind: Literal["sum"]
    name: Name
    of: dict[Name, Amount] = Field(min_length=1, max_length=MOST_NAMES)


class Product(StrictModel):
    """``name = column * column * ...``."""

    kind: Literal["product"]
    name: Name
    of: tuple[Name, ...] = Field(min_length=2, max_length=20)


class Pair(StrictModel):
    """``name = first - second``, or ``first / second``."""

    kind: Literal["difference", "ratio"]
    name: Name
    of: tuple[Name, Name]


class Change(StrictModel):
    """How far a column has moved over ``rows`` rows: by a difference, a ratio less one, or the logarithm of a ratio."""

    kind: Literal["change", "percent_change", "log_return"]
    name: Name
    of: Name
    rows: int = Field(default=1, ge=1, le=LONGEST_ROLL)


class Rolling(StrictModel):
    """A statistic of the last ``rows`` rows of a column; the deviation has one degree of freedom less, as in pandas."""

    kind: Literal["rolling_mean", "rolling_std", "rolling_min", "rolling_max"]
    name: Name
    of: Name
    rows: int = Field(ge=2, le=LONGEST_ROLL)


Derived = Annotated[WeightedSum | Product | Pair | Change | Rolling, Field(discriminator="kind")]


class Permitted(StrictModel):
    """Values that a feature may take, both ends included; an end that is null is open."""

    min: Amount | None = None
    max: Amount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class Scenario(StrictModel):
    """What is otherwise. Shocks are applied in order; then derived columns are computed again."""

    name: str = Field(default="scenario", min_length=1, max_length=100)
    origin: Moment | None = None
    """The last row the forecast knows; null for the last row that has a target."""
    shocks: tuple[Shock, ...] = Field(default=(), max_length=MOST_SHOCKS)
    future: dict[Name, tuple[Amount, ...]] = Field(default_factory=dict, max_length=MOST_NAMES)
    """Values of features known ahead for every row of the horizon, in place of those of the table."""
    derived: tuple[Derived, ...] = Field(default=(), max_length=MOST_SHOCKS)
    """Columns that follow from others, in the order in which they are to be computed."""
    vary: Patterns | None = None
    """Features that may be changed at all; null for all of them."""
    permitted: dict[Name, Permitted] = Field(default_factory=dict, max_length=MOST_NAMES)
    """Values beyond are cut to these, by feature or pattern; without one, the range of the table's catalog holds."""


class TornadoRequest(StrictModel):
    """How far the forecast moves when one thing at a time goes down and up, from where the scenario stands."""

    scenario: Scenario = Scenario()
    kind: Unit = "sigma"
    amount: float = Field(default=1.0, gt=0, le=1e12)
    features: Patterns = ("*",)
    """Each feature that matches is a bar."""
    groups: dict[Name, Patterns] = Field(default_factory=dict, max_length=MOST_NAMES)
    """Features that go together and are one bar, by its name; given these, ``features`` is not looked at."""
    shape: Shape = Step()
    top: int = Field(default=15, ge=1, le=MOST_BARS)


class GoalRequest(StrictModel):
    """Which amount of one shock brings the forecast to a value: the smallest that does, within ``lowest..highest``."""

    scenario: Scenario = Scenario()
    """The shock that is sought comes after those of the scenario."""
    goal: Amount
    """The forecast at the horizon that is wanted, in the target's unit."""
    features: Patterns
    kind: Unit = "percent"
    lowest: Amount = -50.0
    highest: Amount = 50.0
    shape: Shape = Step()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest {self.lowest:g} must be below highest {self.highest:g}")
        return self
