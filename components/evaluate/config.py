"""The ``evaluate`` section of an experiment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from components.shared.config import StrictModel

BaselineName = Literal["random_walk", "seasonal_naive", "ridge"]
DecidingMetric = Literal["mae", "rmse", "mape", "smape", "mase"]


class UncertaintyConfig(StrictModel):
    """How bands are put around forecasts."""

    method: Literal["adaptive", "cqr", "split"] = "adaptive"
    """``adaptive`` follows volatility and corrects itself after every outcome; ``cqr`` widens the model's own bands by
    what outcomes on validation lay outside of them; ``split`` takes the size of errors on validation."""
    passes: NonNegativeInt = 100
    """Passes of Monte Carlo dropout for a network that forecasts no quantiles itself; 0 for none."""
    step: float = Field(default=0.0075, ge=0, lt=1)
    """How far the adaptive method moves a level after an outcome."""
    half_life: PositiveFloat | None = None
    """Rows after which a move counts half in the volatility that the adaptive method scales by; null for the horizon,
    at least 23, the decay of 0.97 that RiskMetrics (1996) sets for a month."""


class BacktestConfig(StrictModel):
    """The hold-out in folds, with forecasters fitted again before each."""

    folds: PositiveInt = 4
    window: Literal["expanding", "sliding"] = "expanding"
    """Fit on all outcomes known when a fold begins, or on as many of the latest as the train split has."""
    refit: bool = False
    """Train the model again before each fold as well, with its own configuration: as long again a fold as training."""


class EvaluateConfig(StrictModel):
    """What a model is compared with, and which number decides."""

    baselines: tuple[BaselineName, ...] = Field(default=("random_walk", "seasonal_naive", "ridge"), min_length=1)
    metric: DecidingMetric = "rmse"
    """The metric of the verdict; lower is better for each that can be chosen."""
    season: int = Field(default=252, ge=1)
    """Rows in a season of the seasonal naive forecast; 252 trading days are a year."""
    champion: str | None = Field(default=None, min_length=1)
    """A model to compare with on the same windows: a folder, or a version such as ``soybean-oil-1m@champion``."""
    uncertainty: UncertaintyConfig | None = Field(default_factory=UncertaintyConfig)
    """Bands around forecasts, judged before and after calibration; null for none."""
    backtest: BacktestConfig | None = Field(default_factory=BacktestConfig)
    """Scores by fold, with baselines fitted again before each; null for none."""

    @field_validator("baselines")
    @classmethod
    def _no_repeats(cls, names: tuple[BaselineName, ...]) -> tuple[BaselineName, ...]:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"a baseline is named twice: {', '.join(repeated)}")
        return names
