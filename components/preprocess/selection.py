"""Feature selection: the mutual information of each feature with the label, on train origins only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from components.preprocess.scaling import is_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SAMPLES = 20_000
"""The estimate costs n log n a feature and its error falls as the root of n: more origins than this are thinned."""


def mutual_information(feature: NDArray[np.float64], label: NDArray[np.float64], seed: int) -> float:
    """Mutual information in nats of a feature at the origin with the label; zero for a constant feature.

    The nearest-neighbour estimate of Kraskov, Stoegbauer and Grassberger (2004), as in scikit-learn. Each feature is
    scored on its own with the same seed, so its score does not depend on which other features there are.

    Args:
        feature: values at the origins, none missing, shape (n,).
        label: scaled labels of the same origins, shape (n,).
        seed: of the tiny noise that breaks ties.
    """
    from sklearn.feature_selection import mutual_info_regression

    if is_constant(feature):
        return 0.0
    return float(mutual_info_regression(feature[:, None], label, random_state=seed)[0])


def keep_best(scores: Mapping[str, float], top_k: int, always: Sequence[str] = ()) -> list[str]:
    """Names in ``always`` and of the ``top_k`` best others, in the order of ``scores``; a tie goes to the earlier."""
    others = [name for name in scores if name not in always]
    best = sorted(others, key=lambda name: -scores[name])[:top_k]
    return [name for name in scores if name in always or name in best]
