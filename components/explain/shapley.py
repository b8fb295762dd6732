"""Shapley values of groups of features by antithetic permutation sampling: the reference for every other method.

A player is a group of features, over all rows of the window and those ahead. Who has not joined yet has the values of
a baseline (Shapley values of Strumbelj and Kononenko 2014, https://doi.org/10.1007/s10115-013-0679-x). For each
baseline groups join in a random order and then in its reverse (Mitchell et al. 2022, https://arxiv.org/abs/2104.12199,
section 4.2), which cancels what two groups do together; all steps of an order add up to ``f(x) - f(b)`` exactly, so
there is no residual, only noise, and its size is given. It asks for forecasts alone, so it explains anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.gradients import Arrays

    Predict = Callable[[Arrays], NDArray[np.floating[Any]]]
    """Arrays, one an input, to forecasts (n, outputs) or (n,)."""


@dataclass(frozen=True)
class GroupValues:
    """What each group added: ``values`` and ``errors``, their standard errors, (samples, groups, outputs)."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    evaluations: int


def permutation_shapley(
    predict: Predict,
    samples: Arrays,
    baselines: Arrays,
    groups: Sequence[Sequence[int]],
    *,
    rounds: int = 1,
    seed: int = 0,
    batch: int = 4096,
) -> GroupValues:
    """Attribute forecasts to groups of features.

    Args:
        predict: the model.
        samples: what to explain, one array an input, each (samples, rows, features); an input of fewer features holds
            the last ones of the first input.
        baselines: the background, in the same shapes; every baseline takes part in every sample.
        groups: positions of features, each feature in one group.
        rounds: pairs of orders for each sample and baseline.
        seed: draws the orders.
        batch: forecasts a call.
    """
    rng = np.random.default_rng(seed)
    masks = _masks(groups, samples[0].shape[2])
    count, size = len(samples[0]), max(1, batch // (2 * len(groups) + 2))
    drawn = np.tile(np.arange(len(baselines[0])), rounds)
    found, errors = [], []
    for sample in range(count):
        forward = rng.permuted(np.tile(np.arange(len(groups)), (len(drawn), 1)), axis=1)
        orders = np.stack([forward, forward[:, ::-1]], axis=1)
        parts = np.concatenate(
            [
                _added(predict, [own[sample] for own in samples], [own[drawn[rows]] for own in baselines], masks, order)
                for rows, order in ((slice(at, at + size), orders[at : at + size]) for at in range(0, len(drawn), size))
            ]
        )
        found.append(parts.mean(axis=0))
        errors.append(parts.std(axis=0) / np.sqrt(len(parts)))
        progress.report("checked sample", sample + 1, count)
    return GroupValues(np.array(found), np.array(errors), count * len(drawn) * 2 * (len(groups) + 1))


def _masks(groups: Sequence[Sequence[int]], features: int) -> NDArray[np.bool_]:
    """(groups, features), true where a feature is in a group."""
    masks = np.zeros((len(groups), features), dtype=bool)
    for place, members in enumerate(groups):
        masks[place, list(members)] = True
    if not (masks.sum(axis=0) == 1).all():
        raise ValueError(f"Expected each of {features} features in one group. Received: {list(map(list, groups))}")
    return masks


def _added(
    predict: Predict, sample: Arrays, baselines: Arrays, masks: NDArray[np.bool_], orders: NDArray[np.intp]
) -> NDArray[np.float64]:
    """What each group adds on the way from each baseline to the sample: (baselines, groups, outputs).

    ``orders`` (baselines, 2, groups) says which group joins when; the two ways of a baseline are averaged.
    """
    nobody = np.zeros((*orders.shape[:2], 1, masks.shape[1]), dtype=bool)
    joined = np.concatenate([nobody, np.logical_or.accumulate(masks[orders], axis=2)], axis=2)
    points = [
        np.where(joined[..., None, masks.shape[1] - own.shape[1] :], own, other[:, None, None])
        for own, other in zip(sample, baselines, strict=True)
    ]
    forecasts = np.asarray(predict([array.reshape(-1, *array.shape[3:]) for array in points]), dtype=np.float64)
    steps = np.diff(forecasts.reshape(*joined.shape[:3], -1), axis=2)
    by_group = np.empty_like(steps)
    np.put_along_axis(by_group, orders[..., None], steps, axis=2)
    return np.asarray(by_group.mean(axis=1))
