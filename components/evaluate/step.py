"""What evaluation does, from the prepared data and a model to a verdict: the table of contents of this room."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate import champion
from components.evaluate.backtest import backtest
from components.evaluate.baselines import BASELINES, History, forecast_baselines
from components.evaluate.config import EvaluateConfig
from components.evaluate.holdout import Holdout
from components.evaluate.judging import judge
from components.evaluate.metrics import naive_error, score
from components.evaluate.paths import Paths
from components.evaluate.regimes import by_regime
from components.evaluate.scorecard import Scorecard
from components.evaluate.significance import PairedTest, compare_pair
from components.evaluate.verdict import Scores, compare
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError, TandemError
from components.shared.pairing import check_pair
from components.shared.progress import report as report_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Forecasts = dict[str, NDArray[np.float64]]

logger = logging.getLogger(__name__)


def run(
    config: EvaluateConfig,
    prepared_path: str | Path,
    model_path: str | Path,
    *,
    metrics_path: str | Path,
    forecasts_path: str | Path,
    report_path: str | Path,
) -> dict[str, float]:
    """Score a model on the test split beside its baselines, all in the target's own units.

    The members of an ensemble are scored beside it.

    Args:
        config: which baselines, and which metric decides.
        prepared_path: artifact of `preprocess`.
        model_path: artifact of `train`, trained on these prepared arrays.
        metrics_path: folder to write, holding ``metrics.json``.
        forecasts_path: table artifact to write, a row a test window; of a model that forecasts paths, a row a step.
        report_path: HTML page to write.

    Returns:
        ``<forecaster>/<metric>`` of every number that is defined.

    Raises:
        InputError: model and data do not belong together, the test split has fewer than two windows, no baseline can
            be computed, or the deciding metric is undefined.
        TandemError: the model answers something that is not a number.
    """
    from components.evaluate.report import build_page

    prepared, model = Prepared.open(prepared_path), TrainedModel.open(model_path)
    check_pair(model.preprocessing, prepared.preprocessing)
    holdout = Holdout.of(prepared)
    baselines, absent = _baseline_forecasts(config, prepared, holdout)
    forecasts = {_column_of(model): _model_forecast(model, prepared, holdout)}
    forecasts |= {name: _model_forecast(member, prepared, holdout) for name, member in model.members.items()}
    forecasts |= baselines
    if config.champion is not None:
        forecasts |= _champion_forecast(config.champion, prepared, holdout, absent)
    table = _score_all(forecasts, prepared, holdout)
    # A model has to beat the baselines; how it stands to its members and to the champion, the paired tests say.
    rivals = {name: scores for name, scores in table.items() if name == model.name or name in baselines}
    verdict = compare(rivals, model=model.name, metric=config.metric, unit=prepared.preprocessing.target.unit)
    bands = (
        judge(config.uncertainty, prepared, model, holdout, forecasts, config.season) if config.uncertainty else None
    )
    tests = _test_all(config, model.name, forecasts, holdout, prepared.preprocessing.horizon)
    card = Scorecard(
        model.name,
        prepared.preprocessing,
        holdout,
        forecasts,
        table,
        absent,
        verdict,
        model.weights,
        tests,
        by_entity=_score_entities(forecasts, prepared, holdout),
        paths=Paths.of(model, prepared, holdout, config.baselines, History.of(prepared, season=config.season)),
        uncertainty=bands,
        regimes=by_regime(prepared, holdout, forecasts, bands.bands[model.name] if bands else None),
        folds=backtest(config.backtest, prepared, model, holdout, forecasts, config.season) if config.backtest else (),
    )
    card.write_metrics(metrics_path)
    card.write_forecasts(forecasts_path)
    build_page(card).write(report_path)
    logger.info("%s", verdict.sentence)
    return card.numbers()


def _test_all(
    config: EvaluateConfig, model: str, forecasts: Forecasts, holdout: Holdout, horizon: int
) -> dict[str, PairedTest]:
    """The model against each other forecaster."""
    return {
        name: compare_pair(config.metric, forecasts[model], values, holdout.truth, horizon=horizon, daily=holdout.daily)
        for name, values in forecasts.items()
        if name != model
    }


def _baseline_forecasts(
    config: EvaluateConfig, prepared: Prepared, holdout: Holdout
) -> tuple[Forecasts, dict[str, str]]:
    history = History.of(prepared, season=config.season)
    forecasts, absent = forecast_baselines(config.baselines, history, holdout.rows)
    for name, reason in absent.items():
        logger.warning("baseline %s is absent: %s", name, reason)
    if not forecasts:
        raise InputError(
            [f"{name}: {reason}" for name, reason in absent.items()],
            heading="no baseline can be computed, so there is nothing to beat; add random_walk to evaluate.baselines:",
        )
    return forecasts, absent


def _champion_forecast(source: str, prepared: Prepared, holdout: Holdout, absent: dict[str, str]) -> Forecasts:
    """The champion's forecasts by name; where it cannot be compared, nothing, and ``absent`` gets the reason."""
    try:
        return {champion.NAME: champion.forecast_champion(source, prepared, holdout)}
    except champion.ChampionUnavailableError as reason:
        absent[champion.NAME] = str(reason)
        logger.warning("there is no champion to compare with: %s", reason)
        return {}


def _column_of(model: TrainedModel) -> str:
    """The model's name, which must not hide a baseline's row in the table."""
    if model.name in BASELINES:
        raise InputError(f"{model.path}: a model of kind {model.name} bears the name of a baseline; train another kind")
    return model.name


def _model_forecast(model: TrainedModel, prepared: Prepared, holdout: Holdout) -> NDArray[np.float64]:
    values = model.forecast(prepared, holdout.starts)
    unknown = int((~np.isfinite(values)).sum())
    if unknown:
        raise TandemError(
            f"{model.name} answers NaN or infinity for {unknown} of {len(values)} test windows: its training has "
            f"diverged, see {model.path / 'history.csv'}; try a lower learning rate"
        )
    return values


def _score_all(forecasts: Forecasts, prepared: Prepared, holdout: Holdout) -> dict[str, Scores]:
    train_origins = prepared.origins(np.asarray(prepared.starts("train")))
    scale = naive_error(prepared.targets, train_origins, prepared.preprocessing.horizon)
    table: dict[str, Scores] = {}
    for position, (name, values) in enumerate(forecasts.items(), start=1):
        scores = score(values, holdout.truth, origin=holdout.origin_values, naive_error=scale)
        table[name] = scores
        figures = {metric: value for metric in ("mae", "rmse") if (value := scores[metric]) is not None}
        report_progress(f"scored {name}", position, len(forecasts), **figures)
    return table


def _score_entities(forecasts: Forecasts, prepared: Prepared, holdout: Holdout) -> dict[str, dict[str, Scores]]:
    """Scores within each entity of a panel that has test windows, MASE by the entity's own naive error."""
    train_origins = prepared.origins(np.asarray(prepared.starts("train")))
    trained = prepared.entity_of(train_origins)
    found: dict[str, dict[str, Scores]] = {}
    for position, name in enumerate(holdout.entities):
        own, seen = holdout.of_entity(position), train_origins[trained == position]
        if not own.any():
            continue
        scale = naive_error(prepared.targets, seen, prepared.preprocessing.horizon) if len(seen) else 0.0
        truth, origin = holdout.truth[own], holdout.origin_values[own]
        found[name] = {
            forecaster: score(values[own], truth, origin=origin, naive_error=scale)
            for forecaster, values in forecasts.items()
        }
    return found
