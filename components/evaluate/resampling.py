"""Block bootstrap: how far a mean over windows could have come out otherwise, when neighbouring windows go together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

REPLICATES = 4_000

FEWEST_BLOCKS = 8
"""Blocks below which resampling them says nothing about how means vary."""


@dataclass(frozen=True)
class Resampled:
    """A mean's 95 % interval and two-sided p-value of its being zero, from blocks of ``block`` windows."""

    low: float
    high: float
    p_value: float
    block: int


def bootstrap_mean(values: Values, *, at_least: int, seed: int = 0) -> Resampled | None:
    """Circular block bootstrap of a mean (Politis and Romano 1992); None with fewer than :data:`FEWEST_BLOCKS` blocks.

    The interval is the basic one, the mean less the quantiles of what replicates are off by.

    Args:
        values: (windows,) in time order.
        at_least: shortest block; of forecasts that overlap over ``h`` rows no shorter one keeps what goes together.
        seed: of the draws; the same for every forecaster, so that all are resampled alike.
    """
    count = len(values)
    block = min(max(at_least, math.ceil(block_length(values))), count)
    blocks = math.ceil(count / block)
    if blocks < FEWEST_BLOCKS:
        return None
    # Sums of circular blocks are differences of one cumulative sum.
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: block - 1]]))])
    sums = running[block:] - running[:-block]
    starts = np.random.default_rng(seed).integers(0, count, (REPLICATES, blocks))
    mean = float(values.mean())
    off = sums[starts].mean(axis=1) / block - mean
    low, high = np.quantile(off, [0.025, 0.975])
    p_value = (1 + int((np.abs(off) >= abs(mean)).sum())) / (1 + REPLICATES)
    return Resampled(mean - float(high), mean - float(low), p_value, block)


def block_length(values: Values) -> float:
    """Length of circular blocks that best estimates the variance of the mean, by the series' own autocovariances.

    Politis and White (2004), section 3.2, corrected by Patton, Politis and White (2009): ``(2 G² / D)^(1/3) n^(1/3)``
    with ``D = 4/3 g(0)²``, from a flat-top lag window as wide as autocorrelations are significant.
    """
    count, centred = len(values), values - values.mean()
    variance = float(centred @ centred) / count
    if count < 4 or not variance > 0:
        return 1.0
    in_a_row = max(5, math.ceil(math.sqrt(math.log10(count))))
    most = min(count - 1, math.ceil(math.sqrt(count)) + in_a_row)
    covariance = np.array([centred[lag:] @ centred[: count - lag] / count for lag in range(most + 1)])
    small = np.abs(covariance[1:] / variance) < 2 * math.sqrt(math.log10(count) / count)
    runs = np.convolve(small, np.ones(in_a_row), "valid") == in_a_row
    last = int(np.argmax(runs)) if runs.any() else int(np.flatnonzero(~small).max(initial=-1)) + 1
    width = min(2 * max(last, 1), most)
    lags = np.arange(1, width + 1)
    window = np.clip(2 * (1 - lags / width), 0, 1)
    weighted = window * covariance[1 : width + 1]
    spectrum = variance + 2 * float(weighted.sum())
    bend = 2 * float((lags * weighted).sum())
    if not spectrum > 0:
        return 1.0
    best = (2 * bend**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * count ** (1 / 3)
    return float(min(max(best, 1.0), math.ceil(min(3 * math.sqrt(count), count / 3))))
