"""Global importance: local attributions summed up to one row a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Importance:
    """How much one feature moves forecasts.

    A feature's part in one forecast is the sum of its attributions over the window's rows. ``mean_abs`` is the mean
    size of that part over samples and ``mean`` its mean with sign, both in the attributions' unit; ``share`` is
    ``mean_abs`` as a share of all features' (0 to 1).
    """

    feature: str
    mean_abs: float
    share: float
    mean: float


def rank(attributions: NDArray[np.floating[Any]], features: Sequence[str]) -> list[Importance]:
    """Rank features, strongest first, equals by name.

    Args:
        attributions: (samples, lookback, features).
        features: names of the last axis.
    """
    parts = attributions.sum(axis=1, dtype=np.float64)
    mean_abs, mean = np.abs(parts).mean(axis=0), parts.mean(axis=0)
    total = mean_abs.sum()
    # A model that answers the same everywhere gives every feature nothing; nothing is no share of nothing.
    share = mean_abs / total if total > 0 else np.zeros_like(mean_abs)
    rows = [
        Importance(name, float(size), float(part), float(signed))
        for name, size, part, signed in zip(features, mean_abs, share, mean, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.mean_abs, row.feature))


def by_lag(attributions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean size of each (feature, time) over samples: (samples, lookback, features) to (features, lookback)."""
    return np.asarray(np.abs(attributions, dtype=np.float64).mean(axis=0).T)
