"""The ``explain`` section of an experiment."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.shared.config import StrictModel


class ExplainConfig(StrictModel):
    """Which forecasts are explained, and how exactly.

    The model is asked for ``samples * baselines * nodes`` gradients; time grows with that product, memory with
    ``batch``. The residual is the share of the explained differences that attributions miss: 0.01 is 1 %.
    """

    split: Literal["train", "validation", "test"] = "test"
    """Split whose forecasts are explained."""
    samples: int = Field(default=64, ge=1)
    """Windows to explain, evenly spaced over the split; all of them when it holds fewer."""
    baselines: int = Field(default=50, ge=1)
    """Train windows the forecasts are explained against, drawn by the run's seed; all of them when there are fewer."""
    nodes: int = Field(default=8, ge=1, le=1024)
    """Quadrature nodes between a baseline and a sample to begin with; 8 often do for smooth models (LSTM, GRU)."""
    max_nodes: int = Field(default=64, ge=1, le=1024)
    """Nodes are doubled up to this many until the residual is half of ``max_residual``; models with kinks (ReLU) and
    saturated ones need it."""
    max_residual: float = Field(default=0.01, gt=0)
    """Residual above which the stage fails."""
    top: int = Field(default=15, ge=1)
    """Features shown on the page and logged as metrics."""
    batch: int = Field(default=512, ge=1)
    """Windows a model call takes the gradient of."""

    @model_validator(mode="after")
    def _nodes_in_order(self) -> Self:
        if self.nodes > self.max_nodes:
            raise ValueError(f"nodes ({self.nodes}) must not exceed max_nodes ({self.max_nodes})")
        return self
