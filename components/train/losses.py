"""Losses by name: of a point, of quantiles, of a Gaussian, and one that knows that direction is money.

Each is a function of labels and forecasts that answers one number a window, so that the mean over an epoch is the
same however its windows are batched. Forecasts have a last axis more than labels where several numbers describe one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, field_validator

from components.shared.config import StrictModel

if TYPE_CHECKING:
    from components.shared.preprocessing import TargetScaling

Loss = Callable[[Any, Any], Any]
"""Labels and forecasts of a batch to one loss a window, shape (batch,)."""


class SquaredError(StrictModel):
    kind: Literal["mse"]


class AbsoluteError(StrictModel):
    kind: Literal["mae"]


class Huber(StrictModel):
    """Quadratic up to ``delta``, linear beyond (Huber 1964)."""

    kind: Literal["huber"]
    delta: PositiveFloat = 1.0


class Quantile(StrictModel):
    """Pinball loss of several quantiles at once (Koenker & Bassett 1978); the forecast is one number a level."""

    kind: Literal["quantile"]
    levels: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)

    @field_validator("levels")
    @classmethod
    def _ascending_with_median(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        ascending = all(low < high for low, high in itertools.pairwise(levels))
        if not ascending or not all(0 < level < 1 for level in levels) or 0.5 not in levels:
            raise ValueError(f"expected levels between 0 and 1, ascending, 0.5 among them; got {list(levels)}")
        return levels


class Gaussian(StrictModel):
    """Negative log-likelihood of a Gaussian whose mean and deviation are both forecast (Nix & Weigend 1994)."""

    kind: Literal["gaussian"]


class Financial(StrictModel):
    """Squared error plus a penalty for the wrong direction: ``(r - f)^2 + weight * max(0, -r f)``.

    ``r`` and ``f`` are the true and the forecast change since the origin, in scaled units. A forecast on the wrong
    side of zero pays in proportion to the move it missed and to the position it would have taken; one on the right
    side pays nothing. It needs a label that is a change: ``difference`` or ``log_return``.
    """

    kind: Literal["financial"]
    weight: float = Field(default=1.0, ge=0)


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


LossConfig = Annotated[
    SquaredError | AbsoluteError | Huber | Quantile | Gaussian | Financial,
    Field(discriminator="kind"),
    BeforeValidator(_named),
]
"""A loss with its settings, or just its name."""


def parameters(config: Any) -> int:
    """How many numbers describe a forecast under this loss."""
    return {"quantile": lambda: len(config.levels), "gaussian": lambda: 2}.get(config.kind, lambda: 1)()


def distribution(config: Any) -> Literal["point", "quantile", "gaussian"]:
    """What those numbers are."""
    return config.kind if config.kind in ("quantile", "gaussian") else "point"


def describe(config: Any) -> dict[str, Any]:
    """The distribution as a model's signature states it; ``point`` is the index of the point forecast."""
    if config.kind == "quantile":
        return {"kind": "quantile", "levels": list(config.levels), "point": config.levels.index(0.5)}
    return {"kind": distribution(config), "point": 0}


def build(config: Any, target: TargetScaling | None = None) -> Loss:
    """The loss as a function of tensors.

    Args:
        config: one of :data:`LossConfig`.
        target: scale of the label; the financial loss reads from it which label means no change.
    """
    from keras import ops

    def mean(values: Any) -> Any:
        return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)

    def squared(label: Any, forecast: Any) -> Any:
        return mean(ops.square(label - forecast))

    def absolute(label: Any, forecast: Any) -> Any:
        return mean(ops.abs(label - forecast))

    def huber(label: Any, forecast: Any) -> Any:
        size = ops.abs(label - forecast)
        beyond = config.delta * (size - 0.5 * config.delta)
        return mean(ops.where(size < config.delta, 0.5 * ops.square(size), beyond))

    def quantile(label: Any, forecast: Any) -> Any:
        levels = ops.convert_to_tensor(config.levels, dtype="float32")
        error = _beside(label, forecast) - forecast
        return mean(ops.maximum(levels * error, (levels - 1.0) * error))

    def gaussian(label: Any, forecast: Any) -> Any:
        label, deviation = _beside(label, forecast)[..., 0], forecast[..., 1]
        likelihood = ops.square((label - forecast[..., 0]) / deviation) / 2 + ops.log(deviation)
        return mean(likelihood + 0.5 * math.log(2 * math.pi))

    def financial(label: Any, forecast: Any) -> Any:
        no_change = 0.0 if target is None else -target.center / target.scale
        penalty = ops.maximum(0.0, -(label - no_change) * (forecast - no_change))
        return mean(ops.square(label - forecast) + config.weight * penalty)

    known: dict[str, Loss] = {
        "mse": squared,
        "mae": absolute,
        "huber": huber,
        "quantile": quantile,
        "gaussian": gaussian,
        "financial": financial,
    }
    return known[config.kind]


def _beside(label: Any, forecast: Any) -> Any:
    """The label with a last axis to set against the numbers that describe it; a single label has one already."""
    return label if len(label.shape) == len(forecast.shape) else label[..., None]
