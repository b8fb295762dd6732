"""Boosted trees explained exactly: TreeSHAP on the columns, carried back to the rows of the window they come from.

TreeSHAP (Lundberg et al. 2020, https://doi.org/10.1038/s42256-019-0138-9, algorithm 2) computes Shapley values of a
tree ensemble in polynomial time, with what a tree expects where a column is unknown taken from the train windows that
reached each node. So the base value is the trees' own mean, and no background has to be drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.explain.attributions import Attributions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import TrainedModel


def tree_shap(model: TrainedModel, windows: NDArray[np.float32]) -> Attributions:
    """Attribute the point forecast of each window, (samples, lookback, features), to its values.

    Which (row, feature) a column's part goes to says
    :meth:`components.shared.boosted.WindowColumns.back_to_windows`.
    """
    values, base_value = model.trees.contributions(windows)
    return Attributions(values, base_value, model.predict(windows).astype(np.float64), nodes=0)
