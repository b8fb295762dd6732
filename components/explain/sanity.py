"""Would the attributions look the same if the model had learnt nothing? Then they do not explain it.

Adebayo et al. 2018 (https://arxiv.org/abs/1810.03292, section 3) randomise a model's weights: an explanation that
stays as it was depends on the data alone, like a detector of edges. Here each weight array keeps its values in another
order and with other signs, and trees keep their splits and trade the values of their leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.explain import trees
from components.shared.errors import TandemError

if TYPE_CHECKING:
    from components.explain.attributions import Attributions
    from components.shared.artifacts import TrainedModel

MOST_SIMILAR = 0.9
"""Similarity to the attributions of a shuffled model from which they say nothing about the model."""
SHUFFLES = 3
"""Shuffles to try: a model of few weights may come out of one much as it went in."""
FEWEST_INPUTS = 4
"""Values of a window that must matter: among fewer, attributions are alike by chance."""


class SanityError(TandemError):
    """Attributions say nothing about the model they are of."""


@dataclass(frozen=True)
class Sanity:
    """How alike attributions of the model and of a shuffled one are: ``similarity`` 0 to 1, NaN where none could tell.

    That is so where the model, or the shuffled one, answers the same for everything, or hardly an input matters.
    """

    similarity: float
    shuffles: int


def check(
    explain: Callable[[], Attributions], model: TrainedModel, *, seed: int = 0, most: float = MOST_SIMILAR
) -> Sanity:
    """Explain a model, shuffle it and explain again.

    Args:
        explain: attributes a few forecasts of ``model`` as it is at the time of the call.
        model: what is explained; its weights are put back afterwards.
        seed: shuffles the weights.
        most: similarity that is refused.

    Raises:
        SanityError: attributions are all zero though forecasts differ, or are the same for shuffled models.
    """
    genuine = explain()
    differs = np.abs(genuine.outputs - genuine.base_values).max()
    if not genuine.values.any():
        if differs > 0:
            raise SanityError(
                f"every attribution is zero, though forecasts differ from their base value by up to {differs:.3g}"
            )
        return Sanity(float("nan"), 0)
    lowest = float("nan")
    for shuffle in range(SHUFFLES):
        with shuffled(model, seed=seed + shuffle):
            lowest = float(np.fmin(lowest, _alike(genuine, explain())))
        if lowest < most:
            return Sanity(lowest, shuffle + 1)
    if lowest >= most:
        raise SanityError(
            f"attributions of {SHUFFLES} models with shuffled weights are those of {model.path} (absolute cosine at "
            f"least {lowest:.3f}, refused from {most}): they depend on the data alone and explain no model"
        )
    return Sanity(lowest, SHUFFLES)


def _alike(first: Attributions, second: Attributions) -> float:
    """Mean over forecasts of the absolute cosine between their attributions; NaN where that can tell nothing.

    Neither size nor sign counts: an explainer that divides every forecast's difference by the data alone changes both
    when the forecast changes.
    """
    if np.ptp(second.outputs, axis=0).max() == 0 or np.count_nonzero(first.values.any(axis=(0, 3))) < FEWEST_INPUTS:
        return float("nan")
    ours, theirs = (part.values.reshape(len(part.values), -1) for part in (first, second))
    sizes = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    along = np.abs(np.einsum("si,si->s", ours, theirs))
    return float(np.mean(np.divide(along, sizes, out=np.ones_like(sizes), where=sizes > 0)))


@contextmanager
def shuffled(model: TrainedModel, *, seed: int) -> Iterator[None]:
    """Let a model answer with shuffled weights for as long as the context lasts; an ensemble, with all members'."""
    with ExitStack() as stack:
        for place, member in enumerate(model.members.values()):
            stack.enter_context(shuffled(member, seed=seed + 1000 * (place + 1)))
        if model.framework == "keras":
            stack.enter_context(_shuffled_network(model, np.random.default_rng(seed)))
        elif model.framework == "xgboost":
            stack.enter_context(_shuffled_trees(model, np.random.default_rng(seed)))
        yield


@contextmanager
def _shuffled_network(model: TrainedModel, rng: np.random.Generator) -> Iterator[None]:
    # In place, so that functions compiled from the model need not be compiled again.
    weights = model.keras.trainable_variables
    before = [np.array(weight) for weight in weights]
    try:
        for weight, values in zip(weights, before, strict=True):
            signs = rng.choice(np.array([-1, 1], dtype=values.dtype), size=values.shape)
            weight.assign(rng.permutation(values.ravel()).reshape(values.shape) * signs)
        yield
    finally:
        for weight, values in zip(weights, before, strict=True):
            weight.assign(values)


@contextmanager
def _shuffled_trees(model: TrainedModel, rng: np.random.Generator) -> Iterator[None]:
    before = model.trees
    # A cached property's value lies in the instance's own dictionary.
    model.__dict__["trees"] = trees.with_leaves(
        before, lambda leaves: rng.permutation(leaves) * rng.choice([-1, 1], leaves.shape)
    )
    try:
        yield
    finally:
        model.__dict__["trees"] = before
