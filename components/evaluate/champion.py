"""Score the model that is in use now on the same windows: the one that a new model has to replace.

Its features are scaled back from this run's arrays and scaled as it was trained, so that it may come from another run.
It is left out, with the reason, where that comparison would not be fair or cannot be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import TandemError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.evaluate.holdout import Holdout

NAME = "champion"


class ChampionUnavailableError(Exception):
    """There is no champion to compare with on these windows; the message says why."""


def forecast_champion(source: str, prepared: Prepared, holdout: Holdout) -> NDArray[np.float64]:
    """Forecasts of the test windows by the champion in target units, (windows,).

    Args:
        source: a model folder, or a version in the registry: ``soybean-oil-1m@champion``.
        prepared: this run's arrays.
        holdout: the test windows.

    Raises:
        ChampionUnavailableError: there is none yet, or it cannot be compared on these windows.
    """
    model = _found(source)
    reasons = _differences(model, prepared) + _seen(model, holdout)
    if reasons:
        raise ChampionUnavailableError("; ".join(reasons))
    windows = _scaled_as_trained(model, prepared, holdout.rows)
    return np.asarray(model.preprocessing.invert(model.predict(windows), holdout.origin_values))


def _found(source: str) -> TrainedModel:
    from components.forecast import choosing
    from components.forecast.config import ModelChoice

    try:
        return TrainedModel.open(choosing.find(ModelChoice(source=source)).path)
    except TandemError as error:
        raise ChampionUnavailableError(str(error)) from error


def _differences(model: TrainedModel, prepared: Prepared) -> list[str]:
    """Why the champion cannot forecast these windows."""
    old, new = model.preprocessing, prepared.preprocessing
    missing = [name for name in old.feature_names if name not in new.feature_names]
    found = [f"it takes features that these arrays lack: {', '.join(missing)}"] if missing else []
    if (old.target.name, old.horizon) != (new.target.name, new.horizon):
        found.append(f"it forecasts {old.target.name} {old.horizon} rows ahead")
    if old.lookback > new.lookback:
        found.append(f"it looks back {old.lookback} rows, these windows {new.lookback}")
    if model.input_names != ["window"]:
        found.append("it takes features known ahead")
    return found


def _seen(model: TrainedModel, holdout: Holdout) -> list[str]:
    """Whether the champion was trained or chosen on days of the hold-out: then it would win by memory."""
    last, first = model.preprocessing.splits["validation"].last_date, str(holdout.origin_times.min())[:10]
    return [f"it was trained on days up to {last}, and the hold-out begins on {first}"] if last >= first else []


def _scaled_as_trained(model: TrainedModel, prepared: Prepared, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Windows that end at ``rows``, (windows, lookback, features), on the scales of the champion."""
    now = {feature.name: position for position, feature in enumerate(prepared.preprocessing.features)}
    picked = [now[name] for name in model.preprocessing.feature_names]
    lookback = model.preprocessing.lookback
    windows = np.asarray(prepared.features)[rows[:, None] + np.arange(1 - lookback, 1)][:, :, picked].astype(np.float64)
    for position, (column, then) in enumerate(zip(picked, model.preprocessing.features, strict=True)):
        scaling = prepared.preprocessing.features[column]
        windows[:, :, position] = (windows[:, :, position] * scaling.scale + scaling.center - then.center) / then.scale
    return windows.astype(np.float32)
