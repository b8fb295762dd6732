"""Explain: prepared arrays and a model in; attributions, their residual and a page out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.explain import importance, methods, page, reference, sanity, shap_package
from components.explain.config import MOST_NODES
from components.explain.explanation import Explanation
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError, TandemError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.attributions import Attributions
    from components.explain.config import ExplainConfig
    from components.explain.sanity import Sanity
    from components.shared.artifacts import Inputs
    from components.shared.preprocessing import Preprocessing

SPREAD = 4
"""Steps of a path that ``spread`` explains."""
SANITY_SAMPLES = 4
"""Forecasts that the check against a shuffled model explains again."""


class ResidualError(TandemError):
    """Attributions do not add up to the forecasts closely enough to be shown to anybody."""


@dataclass(frozen=True)
class Explained:
    """An explanation with what was done to check it; what was not done is None."""

    explanation: Explanation
    sanity: Sanity | None
    agreement: reference.Agreement | None

    def numbers(self, top: int) -> dict[str, float]:
        """Flat figures for the run's metrics."""
        found, method = self.explanation, self.explanation.method
        numbers = {"residual_pct": 100 * found.residual, "samples": len(found.predictions), "nodes": method["nodes"]}
        if self.sanity is not None and not np.isnan(self.sanity.similarity):
            numbers["shuffled_similarity"] = self.sanity.similarity
        if self.agreement is not None:
            numbers["reference_correlation"] = self.agreement.correlation
        return numbers | {f"{row.feature}/share": row.share for row in found.importance[:top]}


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
        model_path: folder written by train, or by ensemble.
        explanations_path: folder to write, see :mod:`components.explain.explanation`.
        report_path: HTML page to write.
        seed: draws the train windows that forecasts are explained against.

    Returns:
        ``residual_pct`` (share of the explained differences that is missed, in percent), ``samples``, ``nodes``,
        ``shuffled_similarity`` (see :mod:`components.explain.sanity`), ``reference_correlation`` where a reference was
        asked for, and ``<feature>/share`` (0 to 1) of the ``config.top`` strongest features.

    Raises:
        InputError: there is no window to explain, or none to explain it against, or no such step or feature.
        ResidualError: the residual is above ``config.max_residual``; nothing is written.
        SanityError: attributions say nothing about the model; nothing is written.
        GradientError: Keras runs on a backend that the stage cannot differentiate.
    """
    if config.plots == "shap" and not shap_package.installed():
        raise InputError(f"explain.plots is shap, and shap is not installed: {shap_package.INSTALL}")
    found = explained(config, Prepared.open(prepared_path), TrainedModel.open(model_path), seed)
    content = page.build(found, config)
    found.explanation.write(explanations_path)
    content.write(report_path)
    return found.numbers(config.top)


def explained(config: ExplainConfig, prepared: Prepared, model: TrainedModel, seed: int) -> Explained:
    """Explain and check; writes nothing. See :func:`run`."""
    steps = chosen_steps(config, model)
    importance.members(prepared.preprocessing.feature_names, config.groups)
    starts, background = choose(config, prepared, seed)
    inputs, baselines = (prepared.inputs(at, model.input_names) for at in (starts, background))
    method = methods.of_model(config, model, baselines, steps, samples=len(starts))
    found = method.explain(inputs, True)
    check(found, config)
    tested = None
    if config.sanity:
        few = first_of(inputs, SANITY_SAMPLES)
        tested = sanity.check(lambda: method.explain(few, False), model, seed=seed)
    facts = method.facts | {"split": config.split, "seed": seed, "windows": len(background)}
    explanation = Explanation.in_units(found, prepared, starts, steps, facts)
    agreement = None
    if config.reference:
        agreement = reference.compare(model, first_of(inputs, config.reference), baselines, found, seed=seed)
    return Explained(explanation, tested, agreement)


def first_of(inputs: Inputs, count: int) -> Inputs:
    """``count`` samples of inputs, evenly spaced; all of them when there are fewer."""
    samples = len(inputs["window"])
    places = np.linspace(0, samples - 1, min(count, samples)).round().astype(np.int64)
    return {name: values[places] for name, values in inputs.items()}


def chosen_steps(config: ExplainConfig, model: TrainedModel) -> list[int]:
    """Rows ahead to explain, ascending: those of ``config.steps`` where a path is forecast, else the horizon.

    Raises:
        InputError: the model does not forecast a step that is asked for.
    """
    manifest: Preprocessing = model.preprocessing
    horizon = manifest.horizon
    offered: Sequence[int] = range(1, horizon + 1)
    if manifest.predict == "label" or model.framework != "keras":
        offered = [horizon]
    if config.steps == "all":
        return list(offered)
    if config.steps == "last":
        return [horizon]
    if config.steps == "spread":
        places = np.linspace(0, len(offered) - 1, min(SPREAD, len(offered))).round().astype(int)
        return [offered[place] for place in places]
    strange = [step for step in config.steps if step not in offered]
    if strange:
        can = f"row {horizon}" if len(offered) == 1 else f"rows 1 to {horizon}"
        wanted = ", ".join(map(str, strange))
        raise InputError(f"explain.steps: {model.path} forecasts {can} ahead, not {wanted}")
    return sorted(set(config.steps))


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


def check(found: Attributions, config: ExplainConfig) -> None:
    """Refuse attributions that do not add up."""
    residual = found.relative_residual
    if not np.isfinite(found.outputs).all():
        raise ResidualError("the model answers NaN or infinity for windows to explain: did its training diverge?")
    # Written so that NaN fails too.
    if not residual <= config.max_residual:
        raised = f"with {found.nodes} quadrature nodes: raise explain.max_nodes (at most {MOST_NODES})"
        finer = f", {raised}" if found.nodes else ":"
        raise ResidualError(
            f"attributions miss {residual:.3%} of the differences they explain, more than explain.max_residual "
            f"({config.max_residual:.3%}){finer}, explain more samples, or accept it with "
            f"explain.max_residual={2 * residual:.2g}"
        )
