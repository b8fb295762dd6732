"""How much of one shock it takes to bring the forecast to a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.scenario import checks
from components.scenario.config import Move
from components.scenario.outcome import NO_GUARANTEE, Goal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.config import GoalRequest
    from components.scenario.engine import Engine

GRID = 65
"""Amounts that are tried over the whole range; a forecast may cross the goal more than once, and a network's does."""
FINER = 17
ROUNDS = 5
"""Each divides the stretch with the crossing by 16; after five it is a millionth of a step of the grid."""


def run(engine: Engine, request: GoalRequest) -> Goal:
    """Find the amount nearest to zero at which the point forecast at the horizon is the goal.

    The range is tried at evenly spaced amounts and zero in one batch; the crossing nearest to zero is then enclosed
    by ever finer grids. A crossing between two neighbouring amounts that crosses back is not seen.

    Raises:
        InputError: the features are not there, or no amount of the range can be computed.
    """
    engine.check(request.scenario, checks.shock_problems("features", request.features, request.scenario, engine.names))
    amounts = np.union1d(np.linspace(request.lowest, request.highest, GRID), _zero(request))
    forecasts = _forecasts(engine, request, amounts)
    curve = amounts.tolist(), forecasts.tolist()
    off = forecasts - request.goal
    crossings = np.flatnonzero((off[:-1] <= 0) != (off[1:] <= 0))
    nearest = int(np.abs(off).argmin())
    if len(crossings):
        amount, forecast = _enclosed(engine, request, amounts, crossings)
        reached = True
    else:
        amount, forecast = float(amounts[nearest]), float(forecasts[nearest])
        reached = bool(abs(off[nearest]) <= 1e-6 * max(1.0, abs(request.goal)))
    move = _move(request, amount)
    scenario = request.scenario.model_copy(update={"shocks": (*request.scenario.shocks, move)})
    return Goal(
        reached=reached,
        amount=amount if reached else None,
        forecast=forecast,
        nearest_amount=amount,
        crossings=len(crossings),
        curve_amounts=curve[0],
        curve_forecasts=curve[1],
        scenario=engine.outcome_of(scenario, engine.changed(scenario)),
        notes=[NO_GUARANTEE, *_words(reached, amounts, forecasts)],
    )


def _zero(request: GoalRequest) -> list[float]:
    return [0.0] if request.lowest <= 0 <= request.highest else []


def _move(request: GoalRequest, amount: float) -> Move:
    return Move(kind=request.kind, features=request.features, amount=amount, shape=request.shape)


def _forecasts(engine: Engine, request: GoalRequest, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The forecast at the horizon for each amount, (amounts,), by one call of the model."""
    changed = engine.changed_further(request.scenario, [_move(request, float(amount)) for amount in amounts])
    return engine.points(changed[0].frame, [each.columns for each in changed])[:, -1]


def _enclosed(
    engine: Engine, request: GoalRequest, amounts: NDArray[np.float64], crossings: NDArray[np.intp]
) -> tuple[float, float]:
    """The amount of the crossing nearest to zero, and the forecast at it."""
    reach = [min(abs(amounts[i]), abs(amounts[i + 1])) for i in crossings]
    first = int(crossings[int(np.argmin(reach))])
    low, high = float(amounts[first]), float(amounts[first + 1])
    for _ in range(ROUNDS):
        finer = np.linspace(low, high, FINER)
        forecasts = _forecasts(engine, request, finer)
        off = forecasts - request.goal
        at = np.flatnonzero((off[:-1] <= 0) != (off[1:] <= 0))
        if not len(at):  # float32 cannot tell these amounts apart any more
            break
        low, high = float(finer[at[0]]), float(finer[at[0] + 1])
    best = int(np.abs(off).argmin())
    return float(finer[best]), float(forecasts[best])


def _words(reached: bool, amounts: NDArray[np.float64], forecasts: NDArray[np.float64]) -> list[str]:
    if reached:
        return []
    return [
        f"No amount from {amounts[0]:g} to {amounts[-1]:g} reaches the goal: the forecast stays between "
        f"{forecasts.min():.6g} and {forecasts.max():.6g}. Widen the range, or change other features too."
    ]
