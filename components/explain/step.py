"""Explain: prepared arrays and a model in; attributions, their residual and a page out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import attributions, gradients, page, trees
from components.explain.explanation import Explanation
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError, TandemError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.config import ExplainConfig


class ResidualError(TandemError):
    """Attributions do not add up to the forecasts closely enough to be shown to anybody."""


def run(
    config: ExplainConfig,
    prepared_path: str | Path,
    model_path: str | Path,
    *,
    explanations_path: str | Path,
    report_path: str | Path,
    seed: int = 0,
) -> dict[str, float]:
    """Attribute forecasts of a split to features, and write them with their residual.

    Args:
        config: the ``explain`` section.
        prepared_path: folder written by preprocess.
        model_path: folder written by train.
        explanations_path: folder to write, see :mod:`components.explain.explanation`.
        report_path: HTML page to write.
        seed: draws the train windows that forecasts are explained against.

    Returns:
        ``residual_pct`` (share of the explained differences that is missed, in percent), ``samples``, ``nodes``, and
        ``<feature>/share`` (0 to 1) of the ``config.top`` strongest features.

    Raises:
        InputError: there is no window to explain, or none to explain it against, or the model is an ensemble.
        ResidualError: the residual is above ``config.max_residual``; nothing is written.
        GradientError: Keras runs on a backend that the stage cannot differentiate.
    """
    prepared, model = Prepared.open(prepared_path), TrainedModel.open(model_path)
    starts, background = choose(config, prepared, seed)
    found, method = attribute(config, model, prepared.windows(starts), prepared.windows(background))
    check(found, config)
    method |= {"split": config.split, "seed": seed}
    explanation = Explanation.in_units(found, prepared.preprocessing, starts, method)
    explanation.write(explanations_path)
    page.build(explanation, top=config.top, max_residual=config.max_residual).write(report_path)
    shares = {f"{row.feature}/share": row.share for row in explanation.importance[: config.top]}
    return {"residual_pct": 100 * found.relative_residual, "samples": len(starts), "nodes": found.nodes} | shares


def attribute(
    config: ExplainConfig, model: TrainedModel, windows: NDArray[np.float32], background: NDArray[np.float32]
) -> tuple[attributions.Attributions, dict[str, Any]]:
    """Attributions of windows by the method that suits the model, and what the method was."""
    if model.framework == "ensemble":
        raise InputError(
            f"{model.path} is an ensemble, whose members are explained by different methods against different base "
            f"values: explain each of them alone ({', '.join(model.members)})"
        )
    if model.input_names != ["window"]:
        raise InputError(
            f"{model.path} takes features known ahead beside the window, and attributions are of the window alone: "
            "explain a model trained with train.model.covariates: past"
        )
    if model.framework == "xgboost":
        return trees.tree_shap(model, windows), {"name": "tree_shap"}
    found = attributions.refined(
        gradients.of_model(model.point_model),
        windows,
        background,
        nodes=config.nodes,
        max_nodes=config.max_nodes,
        target_residual=config.max_residual / 2,
        batch=config.batch,
    )
    return found, {"name": "expected_gradients", "baselines": len(background)}


def choose(config: ExplainConfig, prepared: Prepared, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Window starts to explain, evenly spaced over the split, and train window starts to explain them against."""
    windows, train = prepared.starts(config.split), prepared.starts("train")
    problems = [
        f"the {split} split of {prepared.path} holds no windows: lower preprocess.lookback or bring more rows"
        for split, starts in ((config.split, windows), ("train", train))
        if len(starts) == 0
    ]
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    spread = np.linspace(0, len(windows) - 1, min(config.samples, len(windows))).round().astype(np.int64)
    drawn = np.random.default_rng(seed).choice(len(train), size=min(config.baselines, len(train)), replace=False)
    return np.asarray(windows[spread]), np.asarray(train[np.sort(drawn)])


def check(found: attributions.Attributions, config: ExplainConfig) -> None:
    """Refuse attributions that do not add up."""
    residual = found.relative_residual
    if not np.isfinite(found.outputs).all():
        raise ResidualError("the model answers NaN or infinity for windows to explain: did its training diverge?")
    # Written so that NaN fails too.
    if not residual <= config.max_residual:
        finer = f", with {found.nodes} quadrature nodes: raise explain.max_nodes (at most 1024)" if found.nodes else ":"
        raise ResidualError(
            f"attributions miss {residual:.3%} of the differences they explain, more than explain.max_residual "
            f"({config.max_residual:.3%}){finer}, explain more samples, or accept it with "
            f"explain.max_residual={2 * residual:.2g}"
        )
