"""What a page or a client must know before it asks: the model, its features with their ranges, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from components.scenario import config
from components.scenario.config import Scenario
from components.shared.config import StrictModel

if TYPE_CHECKING:
    from components.scenario.engine import Engine


class Feature(StrictModel):
    """A feature that shocks may change; values are in its own unit."""

    name: str
    unit: str
    description: str
    known_ahead: bool = Field(description="The model also reads it after the origin.")
    last: float = Field(description="At the last origin.")
    lowest: float = Field(description="In the reference rows, with which plausibility is judged.")
    highest: float
    sigma: float = Field(description="Deviation of its values in those rows.")
    sigma_change: float = Field(description="Deviation of its changes from row to row.")
    permitted_min: float | None = Field(description="Values below are cut, unless a scenario permits others.")
    permitted_max: float | None


class Limits(StrictModel):
    """What a request may hold at most."""

    body_bytes: int
    shocks: int = config.MOST_SHOCKS
    names: int = Field(default=config.MOST_NAMES, description="Features or patterns a shock.")
    values: int = Field(default=config.MOST_VALUES, description="Values of a replacement.")
    bars: int = Field(default=config.MOST_BARS, description="Bars of a tornado.")


class About(StrictModel):
    """The model that is served."""

    model: str
    kind: str
    target: str
    unit: str
    horizon: int = Field(description="Rows between the origin and the forecast.")
    lookback: int = Field(description="Rows the model looks at, up to the origin.")
    first_origin: str
    last_origin: str
    passes: int = Field(description="Thinned networks of Monte Carlo dropout; 0 where the model has no dropout.")
    band_shares: list[float]
    features: list[Feature]
    computed: list[str] = Field(description="Features that follow from the date.")
    start: Scenario = Field(description="The scenario to begin with.")
    limits: Limits


def about(engine: Engine, start: Scenario, body_bytes: int) -> About:
    """Describe what an engine serves."""
    preprocessing, history, sampler = engine.model.preprocessing, engine.history, engine.forecaster.sampler
    day = "datetime64[D]"
    return About(
        model=engine.name,
        kind=engine.model.name,
        target=preprocessing.target.name,
        unit=preprocessing.target.unit,
        horizon=preprocessing.horizon,
        lookback=preprocessing.lookback,
        first_origin=str(history.times[preprocessing.lookback - 1].astype(day)),
        last_origin=str(history.times[history.last].astype(day)),
        passes=sampler.passes if sampler else 0,
        band_shares=engine.bands.shares,
        features=_features(engine, start),
        computed=list(preprocessing.calendar),
        start=start,
        limits=Limits(body_bytes=body_bytes),
    )


def _features(engine: Engine, start: Scenario) -> list[Feature]:
    history, reference, limits = engine.history, engine.reference, engine.permitted(start)
    free, found = set(engine.names.changeable(start)), []
    for column in history.schema.columns:
        if column.name not in free:
            continue
        permitted = limits.get(column.name)
        found.append(
            Feature(
                name=column.name,
                unit=column.unit,
                description=column.description,
                known_ahead=column.name in engine.names.ahead,
                last=float(history.columns[column.name][history.last]),
                lowest=reference.lowest[column.name],
                highest=reference.highest[column.name],
                sigma=reference.sigmas["sigma"][column.name],
                sigma_change=reference.sigmas["sigma_change"][column.name],
                permitted_min=permitted.min if permitted else None,
                permitted_max=permitted.max if permitted else None,
            )
        )
    return found
