"""Fit every feature on the train rows, and choose which to keep."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from components.preprocess.arrays import let_go
from components.preprocess.column_fit import fit
from components.preprocess.columns import Columns
from components.preprocess.config import PreprocessConfig
from components.preprocess.origins import Origins
from components.preprocess.rows import Rows
from components.preprocess.selection import MOST_SAMPLES, keep_best, mutual_information
from components.preprocess.splits import Splits
from components.preprocess.windows import raw_labels
from components.shared.errors import InputError
from components.shared.preprocessing import FeatureScaling, TargetScaling
from components.shared.progress import report

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Features fitted on train rows, with their positions in ``Rows.filled``, and what was noticed on the way."""

    features: dict[int, FeatureScaling]
    constant: tuple[str, ...]
    dropped: dict[str, str]
    selection: dict[str, float]


def fit_features(
    rows: Rows, columns: Columns, splits: Splits, target: TargetScaling, config: PreprocessConfig
) -> Fitted:
    """Fit every feature on the rows up to the last train origin, then keep the ``top_k`` that tell most.

    The rows of all entities of a panel are pooled: one scale a feature. Features of the calendar have theirs already.

    Raises:
        InputError: no feature has a value on the train rows.
    """
    scalings: dict[int, FeatureScaling] = {}
    constant, dropped = [], dict(columns.dropped)
    for position, name in enumerate(columns.features):
        if name in columns.calendar:
            scalings[position] = FeatureScaling(name=name, fill=0.0, center=0.0, scale=1.0)
            continue
        found = fit(name, splits.fit_on(rows.filled[position]), config.scaling)
        if found is None:
            dropped[name] = "no value on the train rows"
            continue
        scalings[position] = found.scaling
        if found.constant:
            constant.append(name)
        let_go(rows.filled)
        report("feature fitted", position + 1, len(columns.features))
    if not scalings:
        last = splits.origins["train"].last
        raise InputError(f"no feature has a value on the train rows (0 to {last}): {', '.join(columns.features)}.")
    for name, reason in dropped.items():
        LOGGER.warning("feature %s is dropped: %s", name, reason)
    selection = score(rows, scalings, splits.origins["train"], target, config) if config.top_k is not None else {}
    if config.top_k is not None:
        kept = keep_best(selection, config.top_k, always=[target.name, *columns.calendar])
        scalings = {position: scaling for position, scaling in scalings.items() if scaling.name in kept}
    return Fitted(scalings, tuple(constant), dropped, selection)


def score(
    rows: Rows,
    scalings: dict[int, FeatureScaling],
    train: Origins,
    target: TargetScaling,
    config: PreprocessConfig,
) -> dict[str, float]:
    """Mutual information of each feature at the origin with the label, by name, on train origins."""
    sample = train.thinned(MOST_SAMPLES)
    label = raw_labels(rows.targets, sample, config.horizon_rows, target.transform)
    return {
        scaling.name: mutual_information(scaling.apply(rows.filled[position, sample]), label, config.seed)
        for position, scaling in scalings.items()
    }
