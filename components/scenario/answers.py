"""Put what the model said of baseline and scenario into one answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from components.scenario.outcome import (
    NO_GUARANTEE,
    Band,
    ChangedFeature,
    Difference,
    Forecast,
    Outcome,
    Plausibility,
    Spread,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.config import Scenario
    from components.scenario.engine import Changed, Engine
    from components.scenario.history import Frame

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
PAST = 120
"""Rows of the target that are given before the origin."""


@dataclass(frozen=True)
class Answered:
    """What the model says of one window, in the target's unit: ``points`` (steps,), ``passes`` (passes, steps)."""

    origin_value: float
    points: NDArray[np.float64]
    bands: list[Band]
    passes: NDArray[np.float64] | None

    @cached_property
    def forecast(self) -> Forecast:
        """The same as it is answered; a baseline is answered many times."""
        return Forecast(
            origin_value=self.origin_value,
            points=self.points.tolist(),
            bands=self.bands,
            spread=None if self.passes is None else spread(self.passes),
        )


Judged = tuple[Answered, Plausibility]


def outcome(engine: Engine, scenario: Scenario, changed: Changed, base: Judged, answered: Judged) -> Outcome:
    """The answer to a scenario.

    Args:
        engine: for names and rows.
        scenario: what was asked.
        changed: its rows.
        base: what the model says of the rows as they are, and how plausible those are.
        answered: the same of the changed rows.
    """
    frame, target = changed.frame, engine.model.preprocessing.target
    past = slice(max(0, frame.origin + 1 - PAST), frame.origin + 1)
    return Outcome(
        name=scenario.name,
        model=engine.name,
        target=target.name,
        unit=target.unit,
        origin=_iso(frame.times[[frame.origin]])[0],
        times=_iso(step_times(engine, frame)),
        past_times=_iso(frame.times[past]),
        past=frame.columns[target.name][past].tolist(),
        truth=_truth(engine, frame),
        band_method=engine.bands.method,
        baseline=base[0].forecast,
        scenario=answered[0].forecast,
        difference=difference(base[0], answered[0]),
        changed=_changes(engine, scenario, changed),
        baseline_plausibility=base[1],
        plausibility=answered[1],
        newly_beyond=[name for name in answered[1].beyond if name not in base[1].beyond],
        notes=_notes(engine, changed, base[1], answered[1]),
    )


def difference(base: Answered, scenario: Answered) -> Difference:
    """Scenario less baseline, pass by pass where there are passes: each is one thinned network, the same for both."""
    points = scenario.points - base.points
    paired = None if base.passes is None or scenario.passes is None else scenario.passes - base.passes
    return Difference(
        points=points.tolist(),
        percent=float(100 * points[-1] / base.points[-1]) if base.points[-1] else None,
        spread=None if paired is None else spread(paired),
        higher=None if paired is None else float((paired[:, -1] > 0).mean()),
    )


def spread(passes: NDArray[np.float64]) -> Spread:
    """Mean and quantiles over passes, of (passes, steps)."""
    quantiles = np.quantile(passes, LEVELS, axis=0)
    return Spread(
        passes=len(passes), levels=list(LEVELS), quantiles=quantiles.tolist(), mean=passes.mean(axis=0).tolist()
    )


def step_times(engine: Engine, frame: Frame) -> NDArray[np.datetime64]:
    """When each step of a forecast is: the rows after the origin, or the horizon alone."""
    return frame.times[frame.origin + 1 :][-engine.forecaster.steps :]


def _truth(engine: Engine, frame: Frame) -> float | None:
    """The target at the horizon, for an origin that lies far enough back."""
    value = engine.history.target_at(frame.times[-1])
    return None if np.isnan(value) else float(value)


def _changes(engine: Engine, scenario: Scenario, changed: Changed) -> list[ChangedFeature]:
    """Features that differ in the rows the model looks at, the table's order."""
    frame, lookback = changed.frame, engine.model.preprocessing.lookback
    follow = {definition.name for definition in scenario.derived}
    found = []
    for column in engine.history.schema.columns:
        if column.name not in changed.columns:
            continue
        stop = len(frame.times) if column.name in engine.names.ahead else frame.origin + 1
        rows = slice(frame.origin + 1 - lookback, stop)
        before, after = frame.columns[column.name][rows], changed.columns[column.name][rows]
        if (before != after).any():
            found.append(
                ChangedFeature(
                    name=column.name,
                    unit=column.unit,
                    derived=column.name in follow,
                    cut=changed.cuts.get(column.name, 0),
                    times=_iso(frame.times[rows]),
                    baseline=before.tolist(),
                    scenario=after.tolist(),
                )
            )
    return found


def _notes(engine: Engine, changed: Changed, base: Plausibility, plausibility: Plausibility) -> list[str]:
    notes = [NO_GUARANTEE] if changed.columns else []
    if plausibility.outside and base.outside:
        notes.append("The rows as they are, before any shock, are already out of the model's distribution.")
    for name, count in changed.cuts.items():
        notes.append(f"{name}: {count} value(s) were cut to what is permitted.")
    if not engine.bands.bands and engine.bands.missing:
        notes.append(f"No intervals: {engine.bands.missing}")
    if engine.forecaster.sampler is None:
        notes.append(f"No Monte Carlo dropout: {engine.forecaster.no_passes}")
    return notes


def _iso(times: NDArray[np.datetime64]) -> list[str]:
    """Dates, with the time of day where one of them has one."""
    midnights = (times == times.astype("datetime64[D]")).all()
    found: list[str] = np.datetime_as_string(times, unit="D" if midnights else "s").tolist()
    return found
