"""Rolling-origin backtest: the hold-out in consecutive folds, with forecasters fitted again before each.

What a forecaster knows grows from fold to fold (expanding), or moves along (sliding); it never holds an outcome that
lay in the future when the fold began. Baselines are always fitted again, for that costs nothing; the model if asked.
Tashman (2000), "Out-of-sample tests of forecasting accuracy".
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluate.baselines import BASELINES, History, forecast_baselines
from components.evaluate.metrics import mae, rmse
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError
from components.shared.progress import report as report_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.evaluate.config import BacktestConfig
    from components.evaluate.holdout import Holdout

    Values = NDArray[np.float64]

FEWEST_WINDOWS = 8
"""Windows of a split to fit on."""


@dataclass(frozen=True)
class Fold:
    """Scores on the windows made between two dates; ``fitted`` is how many windows were known when it began."""

    first_date: str
    last_date: str
    windows: int
    fitted: int
    mae: Mapping[str, float]
    rmse: Mapping[str, float]


def backtest(
    config: BacktestConfig,
    prepared: Prepared,
    model: TrainedModel,
    holdout: Holdout,
    forecasts: Mapping[str, Values],
    season: int,
) -> tuple[Fold, ...]:
    """Score each fold, in time order.

    Args:
        config: the ``evaluate.backtest`` section.
        prepared: the arrays.
        model: trained once, on the train split.
        holdout: the test windows.
        forecasts: of the test windows by forecaster in target units; those of baselines are made anew.
        season: rows in a season of the seasonal naive forecast.
    """
    history = History.of(prepared, season=season)
    days = np.unique(holdout.origin_times)
    folds = []
    for position, part in enumerate(np.array_split(days, min(config.folds, len(days))), start=1):
        inside = (holdout.origin_times >= part[0]) & (holdout.origin_times <= part[-1])
        known = _known(prepared, part[0], config, len(history.train_origins))
        fresh = replace(history, train_origins=prepared.origins(known))
        baselines = [name for name in forecasts if name in BASELINES]
        made = {name: values[inside] for name, values in forecasts.items() if name not in baselines}
        if config.refit:
            made[f"{model.name} refitted"] = _refitted(prepared, model, known, holdout.starts[inside])
        made |= forecast_baselines(baselines, fresh, holdout.rows[inside])[0]
        truth = holdout.truth[inside]
        folds.append(
            Fold(
                first_date=str(part[0])[:10],
                last_date=str(part[-1])[:10],
                windows=int(inside.sum()),
                fitted=len(known),
                mae={name: mae(values, truth) for name, values in made.items()},
                rmse={name: rmse(values, truth) for name, values in made.items()},
            )
        )
        report_progress("backtest fold", position, config.folds, rmse=folds[-1].rmse[model.name])
    return tuple(folds)


def _known(prepared: Prepared, begin: Any, config: BacktestConfig, train: int) -> NDArray[np.int64]:
    """First rows of the windows whose outcome was known at ``begin``, in time order of it: all, or the latest."""
    splits = [np.asarray(prepared.starts(split)) for split in ("train", "validation", "test")]
    starts = np.concatenate(splits)
    outcome = np.asarray(prepared.times)[prepared.origins(starts) + prepared.preprocessing.horizon]
    order = np.argsort(outcome, kind="stable")
    known = starts[order][outcome[order] < begin]
    return np.asarray(known[-train:] if config.window == "sliding" else known)


def _refitted(prepared: Prepared, model: TrainedModel, known: NDArray[np.int64], starts: NDArray[np.int64]) -> Values:
    """Forecasts in target units by a model of the same configuration, trained on the known windows."""
    import yaml

    from components.train import step
    from components.train.config import TrainConfig

    if model.framework == "ensemble":
        raise InputError(
            "evaluate.backtest.refit: an ensemble has no training of its own; refit its members by themselves"
        )
    section = yaml.safe_load((model.path / "config.yaml").read_text())
    config = TrainConfig.parse({**section, "tune": None, "tensorboard": False}, section="train")
    with tempfile.TemporaryDirectory() as work:
        folder = fold_folder(prepared, Path(work) / "prepared", known)
        step.run(config, str(folder), f"{work}/model", f"{work}/curves.html")
        return TrainedModel.open(Path(work) / "model").forecast(prepared, starts)


def fold_folder(prepared: Prepared, folder: Path, known: NDArray[np.int64], share: float = 0.15) -> Path:
    """A prepared artifact of the same arrays whose train and validation splits are windows known at one time.

    The latest ``share`` of them are the validation; windows whose outcome reaches into it are left out of training.

    Raises:
        InputError: too few windows are known.
    """
    times, horizon = np.asarray(prepared.times), prepared.preprocessing.horizon
    origins = prepared.origins(known)
    cut = int(len(known) * (1 - share))
    begin = times[origins[cut:]].min() if cut < len(known) else times[-1]
    train = known[:cut][times[origins[:cut] + horizon] < begin]
    if min(len(train), len(known) - cut) < FEWEST_WINDOWS:
        raise InputError(f"a fold of the backtest knows {len(known)} windows, too few to train on: set fewer folds")
    folder.mkdir(parents=True)
    for file in prepared.path.iterdir():
        if not file.name.startswith("starts-"):
            (folder / file.name).symlink_to(file.resolve())
    for split, starts in (("train", train), ("validation", known[cut:]), ("test", prepared.starts("test"))):
        np.save(folder / f"starts-{split}.npy", np.sort(starts))
    return folder
