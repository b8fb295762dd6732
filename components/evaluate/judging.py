"""Put bands around every forecaster on the hold-out, by the method the config names, and the model's by all methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.baselines import BASELINES, History, forecast_baselines
from components.evaluate.config import UncertaintyConfig
from components.evaluate.holdout import Holdout
from components.evaluate.overlap import effective_windows
from components.evaluate.spread import Spread
from components.evaluate.uncertainty import RAW, Judged, Outlook, Uncertainty, methods_for
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError
from components.shared.progress import report as report_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Forecasts = Mapping[str, NDArray[np.float64]]

MOST_STEPS = 12
"""Steps of a path that get bands: enough to see them widen."""


def judge(
    config: UncertaintyConfig,
    prepared: Prepared,
    model: TrainedModel,
    holdout: Holdout,
    forecasts: Forecasts,
    season: int,
) -> Uncertainty:
    """Calibrate bands on validation windows, and on test outcomes as they become known, and judge them on the test.

    Args:
        config: the ``evaluate.uncertainty`` section.
        prepared: the arrays, with outcomes of both splits.
        model: the model; its bands are made by every method it allows.
        holdout: the test windows.
        forecasts: point forecasts of the test windows by forecaster in target units, the model's and its baselines'.
        season: rows in a season of the seasonal naive forecast.

    Raises:
        InputError: the method needs quantiles that the model does not have.
    """
    spread = Spread.of(model, passes=config.passes)
    if config.method == "cqr" and spread.source == "none":
        raise InputError(
            f"evaluate.uncertainty.method: cqr moves a model's own quantiles, and {model.name} has none: train it with "
            "loss quantile or with dropout, or choose adaptive or split"
        )
    outlook = Outlook.of(prepared)
    before = _on_validation(outlook, model, forecasts, season)
    raw = spread.quantiles(model, prepared, outlook.starts)
    bands: dict[str, Judged] = {}
    for position, (name, values) in enumerate(before.items(), start=1):
        own = raw if name == model.name else None
        method = config.method if config.method in methods_for(own) else "split"
        bands[name] = outlook.calibrated(method, np.concatenate([values, forecasts[name]]), own, config)
        report_progress(f"bands of {name}", position, len(before), crps=bands[name].crps)
    point = np.concatenate([before[model.name], forecasts[model.name]])
    others = [RAW] * (raw is not None) + [name for name in methods_for(raw) if name != config.method]
    stages = {name: outlook.calibrated(name, point, raw, config) for name in others}
    stages[config.method] = bands[model.name]
    worth = effective_windows(len(holdout.truth_days), prepared.preprocessing.horizon)
    return Uncertainty(config.method, spread.source, worth, bands, stages, _by_step(config, prepared, model))


def _on_validation(
    outlook: Outlook, model: TrainedModel, forecasts: Forecasts, season: int
) -> dict[str, NDArray[np.float64]]:
    """What each forecaster had said on validation windows, the model first; those without an answer are left out."""
    prepared, starts = outlook.prepared, outlook.starts[: -outlook.of_test]
    history = History.of(prepared, season=season)
    models = {model.name: model, **model.members}
    found = {name: one.forecast(prepared, starts) for name, one in models.items()}
    rest = [name for name in forecasts if name in BASELINES]
    return found | forecast_baselines(rest, history, prepared.origins(starts))[0]


def _by_step(config: UncertaintyConfig, prepared: Prepared, model: TrainedModel) -> dict[int, Judged]:
    """The model's bands at some steps of its path, the last one among them."""
    steps = prepared.preprocessing.steps
    if steps == 1:
        return {}
    outlook = Outlook.of(prepared)
    paths = model.forecast_path(prepared, outlook.starts)
    if paths.shape[1] != steps:
        return {}
    method = config if config.method != "cqr" else config.model_copy(update={"method": "split"})
    picked = np.unique(np.linspace(1, steps, min(steps, MOST_STEPS)).round().astype(int)).tolist()
    return {
        step: replace(outlook, horizon=step).calibrated(method.method, paths[:, step - 1], None, config)
        for step in picked
    }
