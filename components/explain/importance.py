"""Global importance: local attributions summed up to one row a feature, or a group of features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.explanation import Explanation

    Explained = TypeVar("Explained", bound=Explanation)


@dataclass(frozen=True)
class Importance:
    """How much one feature moves forecasts.

    A feature's part in one forecast is the sum of its attributions over the window's rows. ``mean_abs`` is the mean
    size of that part over samples and steps and ``mean`` its mean with sign, both in the attributions' unit; ``share``
    is ``mean_abs`` as a share of all features' (0 to 1).
    """

    feature: str
    mean_abs: float
    share: float
    mean: float


def rank(attributions: NDArray[np.floating[Any]], features: Sequence[str]) -> list[Importance]:
    """Rank features, strongest first, equals by name.

    Args:
        attributions: (samples, rows, features, steps).
        features: names of the third axis.
    """
    parts = attributions.sum(axis=1, dtype=np.float64)
    mean_abs, mean = np.abs(parts).mean(axis=(0, 2)), parts.mean(axis=(0, 2))
    total = mean_abs.sum()
    # A model that answers the same everywhere gives every feature nothing; nothing is no share of nothing.
    share = mean_abs / total if total > 0 else np.zeros_like(mean_abs)
    rows = [
        Importance(name, float(size), float(part), float(signed))
        for name, size, part, signed in zip(features, mean_abs, share, mean, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.mean_abs, row.feature))


def by_row(attributions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean size of each (feature, row) over samples and steps: (samples, rows, features, steps) to (features, rows)."""
    return np.asarray(np.abs(attributions, dtype=np.float64).mean(axis=(0, 3)).T)


def by_step(attributions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean size of each feature's part in the forecast of each step: (features, steps)."""
    return np.asarray(np.abs(attributions.sum(axis=1, dtype=np.float64)).mean(axis=0))


def by_entity(
    attributions: NDArray[np.floating[Any]], entities: Sequence[str]
) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the entities and the mean size of each feature's part in their forecasts: (features, entities)."""
    names = list(dict.fromkeys(entities))
    belongs = np.array(entities)
    sizes = np.abs(attributions.sum(axis=1, dtype=np.float64)).mean(axis=2)
    return names, np.stack([sizes[belongs == name].mean(axis=0) for name in names], axis=1)


def members(features: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Positions of the features of each group, and of those in none as ``other``; a feature is in the first that fits.

    Args:
        features: names.
        groups: name of a group to shell-style patterns of names.

    Raises:
        InputError: a group holds nothing.
    """
    found: dict[str, list[int]] = {name: [] for name in groups}
    for place, feature in enumerate(features):
        fits = (name for name, patterns in groups.items() if any(fnmatchcase(feature, each) for each in patterns))
        found.setdefault(next(fits, "other"), []).append(place)
    empty = [
        f"explain.groups.{name}: no feature is called {' or '.join(groups[name])}" for name in groups if not found[name]
    ]
    if empty:
        raise InputError(empty)
    return found


def grouped(explanation: Explained, groups: Mapping[str, Sequence[str]]) -> Explained:
    """Add up features to groups; their values are left out, because there is no value of a group."""
    places = members(explanation.features, groups)
    parts = [explanation.attributions[:, :, own].sum(axis=2, dtype=np.float32) for own in places.values()]
    inputs = np.full((*explanation.inputs.shape[:2], len(places)), np.nan, dtype=np.float32)
    return dataclasses.replace(explanation, attributions=np.stack(parts, axis=2), inputs=inputs, features=tuple(places))
