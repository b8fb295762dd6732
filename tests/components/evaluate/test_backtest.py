"""What a fold knows, and that baselines and the model are fitted on that alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from components.evaluate.backtest import backtest, fold_folder
from components.evaluate.baselines import History, forecast_baselines
from components.evaluate.config import BacktestConfig
from components.evaluate.holdout import Holdout
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError

NAMES = ("random_walk", "seasonal_naive", "ridge")


def setting(prepared_folder: Path, model_folder: Path) -> tuple[Prepared, TrainedModel, Holdout, dict[str, np.ndarray]]:
    prepared, model = Prepared.open(prepared_folder), TrainedModel.open(model_folder)
    holdout = Holdout.of(prepared)
    baselines, _ = forecast_baselines(NAMES, History.of(prepared, season=50), holdout.rows)
    return prepared, model, holdout, {model.name: model.forecast(prepared, holdout.starts), **baselines}


@pytest.mark.parametrize("window", ["expanding", "sliding"])
def test_folds_cover_the_holdout_once_and_know_more_each(
    prepared_folder: Path, model_folder: Path, window: str
) -> None:
    prepared, model, holdout, forecasts = setting(prepared_folder, model_folder)
    folds = backtest(BacktestConfig(folds=3, window=window), prepared, model, holdout, forecasts, season=50)
    assert sum(fold.windows for fold in folds) == len(holdout.rows)
    assert [fold.last_date < after.first_date for fold, after in itertools.pairwise(folds)] == [True, True]
    pooled = np.sqrt(np.average([fold.rmse[model.name] ** 2 for fold in folds], weights=[f.windows for f in folds]))
    assert pooled == pytest.approx(np.sqrt(np.mean(np.square(forecasts[model.name] - holdout.truth))))
    fitted = [fold.fitted for fold in folds]
    train = len(prepared.starts("train"))
    assert fitted == [train] * 3 if window == "sliding" else train < fitted[0] < fitted[1] < fitted[2]


def test_no_fold_sees_an_outcome_that_lay_ahead(prepared_folder: Path, model_folder: Path) -> None:
    prepared, model, holdout, forecasts = setting(prepared_folder, model_folder)
    plain = backtest(BacktestConfig(folds=2), prepared, model, holdout, forecasts, season=50)
    begin = int(holdout.rows[len(holdout.rows) // 2 + len(holdout.rows) % 2])
    changed = Prepared.open(prepared_folder)
    targets = np.array(changed.targets)
    targets[begin:] = targets[begin:][::-1]  # what is known when the second fold begins stays as it was
    object.__setattr__(changed, "targets", targets)
    other = backtest(BacktestConfig(folds=2), changed, model, holdout, forecasts, season=50)
    assert other[0] == plain[0]


@pytest.mark.parametrize("window", ["expanding", "sliding"])
def test_a_fold_is_fitted_on_the_windows_whose_outcome_came_before_it(
    prepared_folder: Path, model_folder: Path, window: str
) -> None:
    """Origins 11 to 249, 257 to 319 and 327 to 392; outcomes 7 rows later; folds begin at rows 327, 349 and 371."""
    prepared, model, holdout, forecasts = setting(prepared_folder, model_folder)
    folds = backtest(BacktestConfig(folds=3, window=window), prepared, model, holdout, forecasts, season=50)
    history = History.of(prepared, season=50)
    every = np.concatenate([np.arange(11, 250), np.arange(257, 320), np.arange(327, 393)])
    for fold, begin in zip(folds, (327, 349, 371), strict=True):
        known = every[every + 7 < begin]
        fitted_on = known[-239:] if window == "sliding" else known
        rows = np.arange(begin, begin + 22)
        expected = forecast_baselines(["ridge"], dataclasses.replace(history, train_origins=fitted_on), rows)[0][
            "ridge"
        ]
        truth = prepared.targets[rows + 7]
        assert (fold.windows, fold.fitted) == (22, len(fitted_on))
        assert fold.rmse["ridge"] == pytest.approx(np.sqrt(np.mean(np.square(expected - truth))))


def test_ridge_of_a_later_fold_is_fitted_on_more(prepared_folder: Path, model_folder: Path) -> None:
    prepared, model, holdout, forecasts = setting(prepared_folder, model_folder)
    last = backtest(BacktestConfig(folds=3), prepared, model, holdout, forecasts, season=50)[-1]
    inside = slice(len(holdout.rows) - last.windows, None)
    once = np.sqrt(np.mean(np.square(forecasts["ridge"] - holdout.truth)[inside]))
    assert last.rmse["ridge"] != pytest.approx(once, rel=1e-6)
    walk = np.sqrt(np.mean(np.square(forecasts["random_walk"] - holdout.truth)[inside]))
    assert last.rmse["random_walk"] == pytest.approx(walk)


def test_a_fold_is_a_prepared_artifact_without_future_outcomes_in_training(
    prepared_folder: Path, tmp_path: Path
) -> None:
    prepared = Prepared.open(prepared_folder)
    known = np.concatenate([prepared.starts("train"), prepared.starts("validation")])
    fold = Prepared.open(fold_folder(prepared, tmp_path / "fold", known))
    train, validation = fold.origins(fold.starts("train")), fold.origins(fold.starts("validation"))
    assert (train + 7).max() < validation.min()
    np.testing.assert_array_equal(fold.features, prepared.features)


def test_a_fold_that_knows_too_little_is_refused(prepared_folder: Path, tmp_path: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    with pytest.raises(InputError, match="10 windows, too few to train on"):
        fold_folder(prepared, tmp_path / "fold", np.asarray(prepared.starts("train"))[:10])


def test_the_model_is_trained_again_if_asked(prepared_folder: Path, network_folder: Callable[..., Path]) -> None:
    folder = network_folder("feedforward", units=(4,), dropout=0.0)
    section = {"model": {"kind": "feedforward", "units": [4], "dropout": 0.0}, "epochs": 2, "backup": False}
    (folder / "config.yaml").write_text(yaml.safe_dump(section))
    prepared, model, holdout, forecasts = setting(prepared_folder, folder)
    folds = backtest(BacktestConfig(folds=2, refit=True), prepared, model, holdout, forecasts, season=50)
    for fold in folds:
        assert fold.rmse["feedforward refitted"] != pytest.approx(fold.rmse["feedforward"])
