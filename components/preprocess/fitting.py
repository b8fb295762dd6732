"""Fit every feature on the train rows, and choose which to keep."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from components.preprocess.columns import Columns
from components.preprocess.config import PreprocessConfig
from components.preprocess.rows import Rows
from components.preprocess.scaling import fit_feature, impute, is_constant
from components.preprocess.selection import keep_best, mutual_information, sample_origins
from components.preprocess.windows import raw_labels
from components.shared.errors import InputError
from components.shared.preprocessing import FeatureScaling, TargetScaling

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Features fitted on train rows, with their positions in ``Rows.filled``, and what was noticed on the way."""

    features: dict[int, FeatureScaling]
    constant: tuple[str, ...]
    dropped: dict[str, str]
    selection: dict[str, float]


def fit_features(rows: Rows, columns: Columns, train: range, target: TargetScaling, config: PreprocessConfig) -> Fitted:
    """Fit every feature on the rows up to the last train origin, then keep the ``top_k`` that tell most.

    Raises:
        InputError: no feature has a value on the train rows.
    """
    scalings: dict[int, FeatureScaling] = {}
    constant, dropped = [], dict(columns.dropped)
    for position, name in enumerate(columns.features):
        seen = rows.filled[position, : train.stop]
        scaling = fit_feature(name, seen, config.scaling)
        if scaling is None:
            dropped[name] = "no value on the train rows"
            continue
        scalings[position] = scaling
        if is_constant(impute(seen, scaling.fill)):
            constant.append(name)
    if not scalings:
        raise InputError(f"no feature has a value on the train rows (0 to {train[-1]}): {', '.join(columns.features)}.")
    for name, reason in dropped.items():
        LOGGER.warning("feature %s is dropped: %s", name, reason)
    selection = score(rows, scalings, train, target, config) if config.top_k is not None else {}
    if config.top_k is not None:
        kept = keep_best(selection, config.top_k, always=[target.name])
        scalings = {position: scaling for position, scaling in scalings.items() if scaling.name in kept}
    return Fitted(scalings, tuple(constant), dropped, selection)


def score(
    rows: Rows, scalings: dict[int, FeatureScaling], train: range, target: TargetScaling, config: PreprocessConfig
) -> dict[str, float]:
    """Mutual information of each feature at the origin with the label, by name, on train origins."""
    sample = sample_origins(train)
    pick = slice(sample.start, sample.stop, sample.step)
    label = raw_labels(rows.targets, train, config.horizon_rows, target.transform)[:: sample.step]
    return {
        scaling.name: mutual_information(scaling.apply(rows.filled[position, pick]), label, config.seed)
        for position, scaling in scalings.items()
    }
