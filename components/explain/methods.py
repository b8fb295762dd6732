"""Which method explains which kind of model, and how an ensemble is put together from its members'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import gradients, trees
from components.explain.attributions import Attributions, expected_gradients, joined_shape

if TYPE_CHECKING:
    from components.explain.config import ExplainConfig
    from components.shared.artifacts import Inputs, TrainedModel


@dataclass(frozen=True)
class Method:
    """A model with its background, ready to explain inputs; ``facts`` say how, for the manifest.

    ``explain`` takes inputs by name and whether to refine until the configured residual is reached.
    """

    explain: Callable[[Inputs, bool], Attributions]
    facts: dict[str, Any]


def of_model(
    config: ExplainConfig, model: TrainedModel, background: Inputs, steps: Sequence[int], *, samples: int
) -> Method:
    """The method that suits a model.

    Args:
        config: the ``explain`` section.
        model: what will be explained.
        background: inputs by name to explain it against.
        steps: rows ahead that are explained; the horizon alone for trees, an ensemble or a label.
        samples: windows that will be explained, to judge whether compiling pays.

    Raises:
        GradientError: Keras runs on a backend that the stage cannot differentiate.
    """
    if model.framework == "ensemble":
        return _weighted(
            {
                name: of_model(config, member, background, steps, samples=samples)
                for name, member in model.members.items()
            },
            model.weights,
        )
    if model.framework == "xgboost":
        return Method(lambda inputs, _: trees.tree_shap(model, inputs["window"]), {"name": "tree_shap"})
    return _expected_gradients(config, model, background, steps, samples)


def _expected_gradients(
    config: ExplainConfig, model: TrainedModel, background: Inputs, steps: Sequence[int], samples: int
) -> Method:
    names = model.input_names
    baselines = [background[name] for name in names]
    points = samples * len(baselines[0]) * config.nodes * len(steps)
    function = gradients.of_model(gradients.steps_model(model, steps), batch=config.batch, points=points)

    def explain(inputs: Inputs, refine: bool) -> Attributions:
        return expected_gradients(
            function,
            [inputs[name] for name in names],
            baselines,
            nodes=config.nodes,
            max_nodes=config.max_nodes if refine else None,
            target_residual=config.max_residual / 4,
        )

    return Method(explain, {"name": "expected_gradients", "baselines": len(baselines[0])})


def _weighted(members: dict[str, Method], weights: dict[str, float]) -> Method:
    """The weighted mean of members is explained by the weighted mean of their attributions.

    Integrated gradients and Shapley values are both linear in the model, so this is what each method says of its
    member's part. The base value is the weighted mean of the members', each with its method's own meaning.
    """

    def explain(inputs: Inputs, refine: bool) -> Attributions:
        found = [(weights[name], method.explain(inputs, refine)) for name, method in members.items()]
        values = np.zeros((*_rows_of(inputs), 1))
        for weight, part in found:
            values[:, : part.values.shape[1]] += weight * part.values
        return Attributions(
            values,
            np.sum([weight * part.base_values for weight, part in found], axis=0),
            np.sum([weight * part.outputs for weight, part in found], axis=0),
            max(part.nodes for _, part in found),
            sum(part.evaluations for _, part in found),
        )

    return Method(explain, {"name": "ensemble", "members": {name: method.facts for name, method in members.items()}})


def _rows_of(inputs: Inputs) -> tuple[int, int, int]:
    """Samples, rows and features of the attributions of inputs: the window's, then those ahead."""
    given = [inputs[name] for name in ("window", "ahead") if name in inputs]
    return len(given[0]), *joined_shape(given)
