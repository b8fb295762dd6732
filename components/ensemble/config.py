"""The ``ensemble`` section of an experiment."""

from __future__ import annotations

from pydantic import Field

from components.shared.config import StrictModel


class EnsembleConfig(StrictModel):
    """How members are weighted."""

    shrinkage: float = Field(default=1.0, ge=0)
    """How strongly weights are drawn to equal ones: 0 not at all; 1 as far as few independent validation windows
    demand, see :func:`components.ensemble.weights.trust`; larger for more."""
