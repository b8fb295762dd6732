"""Boosted trees explained exactly: TreeSHAP on the columns, carried back to the rows of the window they come from.

TreeSHAP (Lundberg et al. 2020, https://doi.org/10.1038/s42256-019-0138-9, algorithm 2) computes Shapley values of a
tree ensemble in polynomial time, with what a tree expects where a column is unknown taken from the train windows that
reached each node. So the base value is the trees' own mean, and no background has to be drawn.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from components.explain.attributions import Attributions
from components.shared.boosted import load_xgboost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import TrainedModel
    from components.shared.boosted import BoostedTrees


def tree_shap(model: TrainedModel, windows: NDArray[np.float32]) -> Attributions:
    """Attribute the point forecast of each window, (samples, lookback, features), to its values.

    Which (row, feature) a column's part goes to says
    :meth:`components.shared.boosted.WindowColumns.back_to_windows`.
    """
    values, base_value = model.trees.contributions(windows)
    outputs = model.predict(windows).astype(np.float64)[:, None]
    return Attributions(values[..., None], np.array([base_value]), outputs)


def with_leaves(trees: BoostedTrees, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> BoostedTrees:
    """The same splits with other leaves: ``change`` takes the leaf values of a tree, (leaves,), and gives new ones."""
    content = json.loads(trees.booster.save_raw("json"))
    booster = content["learner"]["gradient_booster"]
    for tree in booster.get("gbtree", booster)["model"]["trees"]:
        leaves = np.flatnonzero(np.array(tree["left_children"]) == -1)
        # XGBoost keeps the value of a leaf where an inner node keeps the threshold of its split.
        values = np.array(tree["split_conditions"])
        values[leaves] = change(values[leaves])
        tree["split_conditions"] = values.tolist()
    changed = load_xgboost().Booster({"nthread": 1})
    changed.load_model(bytearray(json.dumps(content).encode()))
    return dataclasses.replace(trees, booster=changed)
