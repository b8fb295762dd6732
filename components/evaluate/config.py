"""The ``evaluate`` section of an experiment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from components.shared.config import StrictModel

BaselineName = Literal["random_walk", "seasonal_naive", "ridge"]
DecidingMetric = Literal["mae", "rmse", "mape", "smape", "mase"]


class EvaluateConfig(StrictModel):
    """What a model is compared with, and which number decides."""

    baselines: tuple[BaselineName, ...] = Field(default=("random_walk", "seasonal_naive", "ridge"), min_length=1)
    metric: DecidingMetric = "rmse"
    """The metric of the verdict; lower is better for each that can be chosen."""
    season: int = Field(default=252, ge=1)
    """Rows in a season of the seasonal naive forecast; 252 trading days are a year."""

    @field_validator("baselines")
    @classmethod
    def _no_repeats(cls, names: tuple[BaselineName, ...]) -> tuple[BaselineName, ...]:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"a baseline is named twice: {', '.join(repeated)}")
        return names
