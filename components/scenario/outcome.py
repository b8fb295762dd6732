"""What is answered: forecasts of baseline and scenario, their paired difference, and how far to trust them."""

from __future__ import annotations

from pydantic import Field

from components.shared.config import StrictModel

NO_GUARANTEE = (
    "Intervals are calibrated on rows that came about by themselves. A scenario's rows did not, so the coverage of its "
    "intervals, conformal ones too, is not guaranteed; and a forecast that moves with a feature is no proof of cause."
)
"""Said with every scenario that changes anything."""


class Plausibility(StrictModel):
    """How far a window is from what the model has learnt from."""

    outside: bool = Field(description="The window is flagged as out of distribution.")
    levels: float | None = Field(description="Share of reference windows whose values are nearer, 0 to 1.")
    moves: float | None = Field(description="Share of reference windows whose row-to-row changes are nearer, 0 to 1.")
    beyond: list[str] = Field(description="Features with a value outside the reference's range.")
    reasons: list[str] = Field(description="Why it is flagged, in words.")
    reference: str = Field(description="What it is compared with.")


class Band(StrictModel):
    """An interval at the horizon: `share` of outcomes are to lie in it."""

    share: float
    lower: float
    upper: float


class Spread(StrictModel):
    """Quantiles over passes of Monte Carlo dropout: how far thinned networks disagree, not how far outcomes scatter."""

    passes: int
    levels: list[float]
    quantiles: list[list[float]] = Field(description="One list a level, of one value a step.")
    mean: list[float]


class Forecast(StrictModel):
    """A forecast in the target's unit, one value a step."""

    origin_value: float = Field(description="The target at the origin, which a scenario may have changed.")
    points: list[float]
    bands: list[Band]
    spread: Spread | None


class Difference(StrictModel):
    """Scenario less baseline; the spread is of differences taken pass by pass, under the same dropout masks."""

    points: list[float]
    percent: float | None = Field(description="Of the baseline's forecast at the horizon.")
    spread: Spread | None
    higher: float | None = Field(description="Share of passes in which the scenario is higher at the horizon, 0 to 1.")


class ChangedFeature(StrictModel):
    """Values of one feature in the rows the model looks at, before and after."""

    name: str
    unit: str
    derived: bool
    cut: int = Field(description="Values that were cut to what is permitted.")
    times: list[str]
    baseline: list[float]
    scenario: list[float]


class Outcome(StrictModel):
    """The answer to a scenario."""

    name: str
    model: str
    target: str
    unit: str
    origin: str
    times: list[str] = Field(description="When each step is.")
    past_times: list[str]
    past: list[float] = Field(description="The target up to the origin, as it came.")
    truth: float | None = Field(description="The target at the horizon, where the table has it.")
    band_method: str
    baseline: Forecast
    scenario: Forecast
    difference: Difference
    changed: list[ChangedFeature]
    baseline_plausibility: Plausibility
    plausibility: Plausibility
    newly_beyond: list[str] = Field(description="Features that only the scenario brings outside the reference's range.")
    notes: list[str]


class Bar(StrictModel):
    """Forecast at the horizon less the scenario's own, when the bar's features go down, and when they go up."""

    name: str
    features: list[str]
    down: float
    up: float


class Tornado(StrictModel):
    """Bars by their larger side, largest first."""

    base: float = Field(description="The scenario's forecast at the horizon, which bars start from.")
    unit: str
    kind: str
    amount: float
    bars: list[Bar]
    left_out: int = Field(description="Bars beyond the `top` asked for.")
    notes: list[str]


class Goal(StrictModel):
    """The smallest amount that reaches a goal, or how near the range comes to it."""

    reached: bool
    amount: float | None
    forecast: float = Field(description="At that amount; where the goal is not reached, the nearest there is.")
    nearest_amount: float
    crossings: int = Field(description="How often the forecast crosses the goal within the range, as far as looked.")
    curve_amounts: list[float]
    curve_forecasts: list[float]
    scenario: Outcome | None = Field(description="The scenario with the shock that was found.")
    notes: list[str]
