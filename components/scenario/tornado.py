"""Which features move the forecast: each goes down and up by the same amount, alone or with its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.scenario import checks
from components.scenario.config import MOST_BARS, Move
from components.scenario.outcome import NO_GUARANTEE, Bar, Tornado
from components.scenario.shocks import matching
from components.shared.errors import InputError

if TYPE_CHECKING:
    from components.scenario.config import TornadoRequest
    from components.scenario.engine import Engine

ALONE = "Each bar changes its own features and leaves the others where they are, together with which they usually move."


def run(engine: Engine, request: TornadoRequest) -> Tornado:
    """Move one thing at a time from where the scenario stands; all of them are one batch of the model.

    Forecasts are the model's point forecasts, without dropout.

    Raises:
        InputError: a feature or a group is not there, or the scenario cannot be.
    """
    scenario, names = request.scenario, engine.names
    groups = request.groups or {"features": request.features}
    more = [p for name, patterns in groups.items() for p in checks.shock_problems(name, patterns, scenario, names)]
    engine.check(scenario, more)
    free = names.changeable(scenario)
    if request.groups:
        bars = {name: matching(patterns, free) for name, patterns in request.groups.items()}
    else:
        bars = {name: [name] for name in matching(request.features, free)}
    if len(bars) > MOST_BARS:
        raise InputError(
            f"{len(bars)} features match: a tornado has {MOST_BARS} bars at most, name fewer or use groups"
        )
    moves = [
        Move(kind=request.kind, features=tuple(features), amount=sign * request.amount, shape=request.shape)
        for features in bars.values()
        for sign in (-1, 1)
    ]
    changed = engine.changed_further(scenario, moves)
    base = engine.changed(scenario)
    points = engine.points(base.frame, [base.columns, *(each.columns for each in changed)])[:, -1]
    away = points[1:] - points[0]
    found = [
        Bar(name=name, features=features, down=float(away[2 * position]), up=float(away[2 * position + 1]))
        for position, (name, features) in enumerate(bars.items())
    ]
    found.sort(key=lambda bar: max(abs(bar.down), abs(bar.up)), reverse=True)
    cuts = sorted({name for each in changed for name in each.cuts})
    notes = [NO_GUARANTEE, ALONE]
    notes += [f"Cut to what is permitted: {', '.join(cuts)}."] if cuts else []
    return Tornado(
        base=float(points[0]),
        unit=engine.model.preprocessing.target.unit,
        kind=request.kind,
        amount=request.amount,
        bars=found[: request.top],
        left_out=max(0, len(found) - request.top),
        notes=notes,
    )
