"""The ``explain`` section of an experiment."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from components.shared.config import StrictModel

MOST_NODES = 4096
"""Nodes on one path above which something else is wrong."""


class ExplainConfig(StrictModel):
    """Which forecasts are explained, and how exactly.

    The model is asked for ``samples * baselines * nodes`` gradients a step; time grows with that product, memory with
    ``batch``. The residual is the share of the explained differences that attributions miss: 0.01 is 1 %.
    """

    split: Literal["train", "validation", "test"] = "test"
    """Split whose forecasts are explained."""
    samples: int = Field(default=64, ge=1)
    """Windows to explain, evenly spaced over the split; all of them when it holds fewer."""
    baselines: int = Field(default=50, ge=1)
    """Train windows the forecasts are explained against, drawn by the run's seed; all of them when there are fewer."""
    steps: Literal["last", "spread", "all"] | tuple[PositiveInt, ...] = "spread"
    """Of a model that forecasts a path, the rows ahead to explain: the last, four evenly spread, all, or those named.
    Time grows with their number."""
    nodes: int = Field(default=3, ge=1, le=1024)
    """Inner quadrature nodes between a baseline and a sample to begin with."""
    max_nodes: int = Field(default=384, ge=1, le=MOST_NODES)
    """Paths are cut, where they miss most, until the residual is a quarter of ``max_residual`` or a path has had this
    many nodes; models with kinks (ReLU) need many, and so do those that normalise their windows."""
    max_residual: float = Field(default=0.01, gt=0)
    """Residual above which the stage fails."""
    sanity: bool = True
    """Explain a few forecasts of the model with shuffled weights too, and fail if that changes nothing."""
    reference: int = Field(default=0, ge=0)
    """Windows to explain by permutation Shapley as well, to state how far the two agree; dear: 0 for none."""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Groups to sum features up to, name to patterns such as ``C_*``; the rest of the features is a group too."""
    top: int = Field(default=15, ge=1)
    """Features shown on the page and logged as metrics."""
    plots: Literal["auto", "shap", "none"] = "auto"
    """Whether the page shows shap's beeswarm and waterfall: if that package is installed, always, or never."""
    batch: int = Field(default=1536, ge=1)
    """Windows a model call takes the gradient of."""

    @model_validator(mode="after")
    def _nodes_in_order(self) -> Self:
        if self.nodes > self.max_nodes:
            raise ValueError(f"nodes ({self.nodes}) must not exceed max_nodes ({self.max_nodes})")
        return self
