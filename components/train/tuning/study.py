"""Search by Optuna: what is tried next, when a trial is given up, and how a killed search goes on.

Scores come from validation windows only. A killed search ends as an undisturbed one would have: finished trials are
read back, the interrupted one is asked for again, and each draw is seeded by (seed, trial), never by how often the
process began.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from components.shared import progress
from components.shared.errors import InputError, TandemError
from components.train.models import REGISTRY
from components.train.tuning import space as spaces
from components.train.tuning.space import Choices, Dimension, Range, Space, TuneConfig
from components.train.tuning.trials import Search, State, Trial

if TYPE_CHECKING:
    import optuna

    from components.train.config import TrainConfig
    from components.train.history import Row
    from components.train.loop import Fitted

logger = logging.getLogger("tandem.train")

JOURNAL, STUDY = "journal.log", "train"


class Fit(Protocol):
    """Train one configuration in a folder of its own, telling each finished epoch's row to ``watch``."""

    def __call__(self, config: TrainConfig, work: Path, watch: Callable[[Sequence[Row]], None]) -> Fitted: ...


Score = Callable[["TrainConfig", "Fitted"], float]


class Pruned(Exception):  # noqa: N818  an outcome, not an error
    """A trial is given up: at this epoch others were better."""


def search(config: TrainConfig, work: Path, fit: Fit, point_error: Score) -> Search:
    """Try ``config.tune.trials`` configurations.

    Args:
        config: the ``train`` section with ``tune``.
        work: folder of the search's progress; the search continues from what it holds.
        fit: trains one configuration.
        point_error: mean squared error of a trained model's point forecasts on the validation windows. It scores
            trials where the loss itself varies, because values of two losses cannot be compared.

    Raises:
        TandemError: not one trial came to an end with a finite score.
    """
    tune = config.tune or TuneConfig()
    space = space_of(config)
    comparable = not any(key.split(".")[0] == "loss" for key in space)
    work.mkdir(parents=True, exist_ok=True)
    study = _continued(work / JOURNAL, _pruner(tune, config, comparable))
    distributions = {key: _distribution(key, dimension, config) for key, dimension in space.items()}
    while len(study.trials) < tune.trials and not _timed_out(study, tune):
        number = len(study.trials)
        study.sampler = _sampler(tune, number)
        trial = study.ask(distributions)
        folder = work / f"trial-{number:05d}"
        _run(study, trial, config, folder, fit, None if comparable else point_error)
        _keep_best(study, work)
        _tell_progress(study, tune)
    return _outcome(study, config, work, space, comparable)


def space_of(config: TrainConfig) -> dict[str, Range | Choices]:
    """The configured space, or the one declared beside the model.

    Raises:
        InputError: there is neither.
    """
    if config.tune and config.tune.space:
        return dict(config.tune.space)
    declared = REGISTRY[config.model.kind].space
    if not declared:
        raise InputError(f"the model {config.model.kind} declares no search space: give one as train.tune.space")
    return TuneConfig.parse({"space": declared}, section="space").space


def _run(
    study: optuna.Study, trial: optuna.Trial, config: TrainConfig, folder: Path, fit: Fit, point_error: Score | None
) -> None:
    """Run one trial and record what came of it; a trial that fails is an answer too."""
    import optuna

    values = _values(trial.params, config)
    trial.set_user_attr("values", values)
    told: set[int] = set()
    began = time.perf_counter()
    state, score = optuna.trial.TrialState.COMPLETE, None
    try:
        chosen = configured(config, values)
        fitted = fit(chosen, folder, lambda rows: _follow(trial, rows, told))
        _follow(trial, fitted.history, told)
        score = fitted.history[fitted.best_epoch]["val_loss"] if point_error is None else point_error(chosen, fitted)
        if not math.isfinite(score):
            raise TandemError(f"the score is not a finite number: {score}")
    except Pruned:
        state, score = optuna.trial.TrialState.PRUNED, None
    except Exception as error:
        logger.warning("trial %d failed: %s", trial.number + 1, error)
        trial.set_user_attr("reason", f"{type(error).__name__}: {error}")
        state, score = optuna.trial.TrialState.FAIL, None
    trial.set_user_attr("epochs", len(told))
    trial.set_user_attr("seconds", round(time.perf_counter() - began, 3))
    study.tell(trial, score, state)


def _follow(trial: optuna.Trial, rows: Sequence[Row], told: set[int]) -> None:
    """Report the epochs that were not reported yet, those of an interrupted training too.

    Raises:
        Pruned: other trials were better at one of them.
    """
    for row in rows:
        epoch = int(row["epoch"])
        if epoch in told:
            continue
        told.add(epoch)
        if math.isfinite(row["val_loss"]):
            trial.report(row["val_loss"], epoch)
            if trial.should_prune():
                raise Pruned


def configured(config: TrainConfig, values: dict[str, Any]) -> TrainConfig:
    """The training with a trial's values; without TensorBoard logs, which only the chosen one is worth."""
    assigned = spaces.assigned(spaces.plain(config), values)
    return type(config).parse({**assigned, "tensorboard": False}, section="train")


def _outcome(study: optuna.Study, config: TrainConfig, work: Path, space: Space, comparable: bool) -> Search:
    trials = [_trial(frozen) for frozen in study.trials]
    complete = [trial for trial in trials if trial.score is not None]
    if not complete:
        reasons = list(dict.fromkeys(trial.reason for trial in trials if trial.reason))[:3]
        raise TandemError(f"none of {len(trials)} trials came to an end: {'; '.join(reasons) or 'all were pruned'}")
    best = min(complete, key=lambda trial: (trial.score, trial.number))
    chosen = configured(config, dict(best.values)).model_copy(update={"tensorboard": config.tensorboard})
    objective = "validation loss" if comparable else "squared error of point forecasts on validation windows"
    described = {key: dimension.model_dump(mode="json", exclude_defaults=True) for key, dimension in space.items()}
    return Search(trials, best, chosen, work / f"trial-{best.number:05d}", objective, described)


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    states: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    attributes = frozen.user_attrs
    return Trial(
        number=frozen.number,
        state=states[frozen.state.name],
        # A pruned trial's last epoch is no score: it was not chosen by the best epoch of a whole training.
        score=frozen.value if frozen.state.name == "COMPLETE" else None,
        values=attributes["values"],
        epochs=attributes["epochs"],
        seconds=attributes["seconds"],
        reason=attributes.get("reason", ""),
    )


def _continued(journal: Path, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """The study of a journal, with the finished trials of an earlier process and without the one it was killed in."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A lock that is there belongs to a process that is gone: one process at a time runs a task.
    scratch = journal.with_suffix(".next")
    for old in [*journal.parent.glob("journal.*lock*"), scratch]:
        old.unlink(missing_ok=True)
    finished = []
    if journal.is_file():
        before = optuna.load_study(study_name=STUDY, storage=_storage(journal))
        finished = [trial for trial in before.trials if trial.state.is_finished()]
        logger.info("the search goes on after %d finished trials", len(finished))
    # Written anew, because the old file may end in half a line.
    optuna.create_study(study_name=STUDY, storage=_storage(scratch), direction="minimize").add_trials(finished)
    scratch.replace(journal)
    return optuna.load_study(study_name=STUDY, storage=_storage(journal), pruner=pruner)


def _storage(path: Path) -> optuna.storages.BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    return optuna.storages.JournalStorage(JournalFileBackend(os.fspath(path)))


def _sampler(tune: TuneConfig, number: int) -> optuna.samplers.BaseSampler:
    """TPE (Bergstra et al. 2011) seeded for one trial, so that its draw does not depend on when the process began."""
    import optuna

    seed = int(np.random.default_rng([tune.seed, number]).integers(2**32))
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=tune.startup_trials)


def _pruner(tune: TuneConfig, config: TrainConfig, comparable: bool) -> optuna.pruners.BasePruner:
    import optuna

    if tune.pruner == "none" or not comparable:
        return optuna.pruners.NopPruner()
    if tune.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=config.epochs)
    return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)


def _distribution(key: str, dimension: Dimension, config: TrainConfig) -> optuna.distributions.BaseDistribution:
    import optuna

    if isinstance(dimension, Choices):
        # As JSON, because Optuna's categories are plain scalars and a setting may be a list.
        return optuna.distributions.CategoricalDistribution([json.dumps(choice) for choice in dimension.choices])
    low, high, step = dimension.low, dimension.high, dimension.step
    if spaces.is_whole(key, dimension, config) and (step is None or step.is_integer()):
        return optuna.distributions.IntDistribution(int(low), int(high), dimension.log, int(step or 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the highest value is lowered to a whole number of steps
        return optuna.distributions.FloatDistribution(low, high, dimension.log, step)


def _values(drawn: dict[str, Any], config: TrainConfig) -> dict[str, Any]:
    space = space_of(config)
    return {key: json.loads(drawn[key]) if isinstance(space[key], Choices) else drawn[key] for key in space}


def _timed_out(study: optuna.Study, tune: TuneConfig) -> bool:
    spent = sum(trial.user_attrs["seconds"] for trial in study.trials)
    return tune.timeout is not None and spent >= tune.timeout


def _keep_best(study: optuna.Study, work: Path) -> None:
    """Remove the progress of trials that are not the best: weights of all of them could fill a disk."""
    complete = [trial for trial in study.trials if trial.value is not None and trial.state.name == "COMPLETE"]
    best = min(complete, key=lambda trial: (trial.value, trial.number), default=None)
    for folder in work.glob("trial-*"):
        if best is None or folder.name != f"trial-{best.number:05d}":
            shutil.rmtree(folder)


def _tell_progress(study: optuna.Study, tune: TuneConfig) -> None:
    scores = [trial.value for trial in study.trials if trial.state.name == "COMPLETE"]
    figures = {"best": float(min(scores))} if scores else {}
    progress.report("trial", len(study.trials), tune.trials, **figures)
