"""The door for notebooks: a model and its prepared arrays in, an explanation out, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.explain import step
from components.explain.config import ExplainConfig
from components.shared.artifacts import Prepared, TrainedModel

if TYPE_CHECKING:
    from components.explain.explanation import Explanation


def explain(model: str | Path, prepared: str | Path, *, seed: int = 0, **settings: Any) -> Explanation:
    """Explain forecasts of a trained model.

    Args:
        model: folder written by train, or by ensemble.
        prepared: folder written by preprocess.
        seed: draws the background.
        settings: keys of the ``explain`` section, such as ``samples=16``; see :class:`ExplainConfig`.

    Raises:
        InputError: a setting is unknown or wrong, or there is nothing to explain.
        ResidualError: attributions miss more of the differences they explain than ``max_residual``.
        SanityError: attributions say nothing about the model.
    """
    config = ExplainConfig.parse(settings, section="explain")
    return step.explained(config, Prepared.open(prepared), TrainedModel.open(model), seed).explanation
