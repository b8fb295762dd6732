"""The search itself, over trainings whose loss is a formula."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.shared.errors import TandemError
from components.train import history
from components.train.config import TrainConfig
from components.train.loop import Fitted
from components.train.mode import Mode
from components.train.tuning import study
from components.train.tuning.trials import Search

EPOCHS = 6


@dataclass
class Formula:
    """A training whose loss falls from epoch to epoch towards how far its learning rate is from 0.003, in decades.

    ``stop`` ends the process in a trial and epoch, both counted from 1; an infinite ``worst`` diverges above 0.02.
    """

    stop: tuple[int, int] = (0, 0)
    worst: float = 1.0
    tried: list[float] = field(default_factory=list)

    def __call__(self, config: TrainConfig, work: Path, watch: Callable[[Sequence[history.Row]], None]) -> Fitted:
        rate = config.optimizer.learning_rate
        self.tried.append(rate)
        work.mkdir(parents=True, exist_ok=True)
        rows = history.read(work)
        watch(rows)
        for epoch in range(len(rows), EPOCHS):
            loss = abs(math.log10(rate / 0.003)) + 1 / (epoch + 1)
            if rate > 0.02:
                loss *= self.worst
            rows.append({"epoch": float(epoch), "loss": loss, "val_loss": loss, "learning_rate": rate})
            history.write(work, rows)
            if (len(self.tried), epoch + 1) == self.stop:
                raise KeyboardInterrupt
            watch(rows)
        if not math.isfinite(history.best(rows)):
            raise TandemError("the validation loss is not finite in any epoch")
        best = [row["val_loss"] for row in rows].index(history.best(rows))
        return Fitted(None, rows, best, 0.1, EPOCHS, Mode("float32", False, "a formula"))


def configured(**tune: Any) -> TrainConfig:
    space = {"optimizer.learning_rate": {"low": 1e-5, "high": 1.0, "log": True}}
    tune = {"trials": 12, "startup_trials": 5, "pruner": "none", "space": space, **tune}
    return TrainConfig.parse({"model": {"kind": "lstm"}, "epochs": EPOCHS, "tune": tune}, section="train")


def search(work: Path, training: Formula | None = None, point_error: float = math.nan, **tune: Any) -> Search:
    return study.search(configured(**tune), work, training or Formula(), lambda _config, _fitted: point_error)


def outcomes(found: Search) -> list[tuple[Any, ...]]:
    return [(t.number, t.state, t.score, dict(t.values), t.epochs, t.reason) for t in found.trials]


def test_a_search_finds_what_random_draws_do_not(tmp_path: Path) -> None:
    found = search(tmp_path)
    assert found.best.score == min(trial.score for trial in found.trials if trial.score is not None)
    assert found.best.score < min(trial.score for trial in found.trials[:5] if trial.score is not None)
    assert found.config.optimizer.learning_rate == found.best.values["optimizer.learning_rate"]
    assert found.config.tune is None


def test_equal_seeds_try_the_same_and_others_do_not(tmp_path: Path) -> None:
    first, second, other = (search(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert outcomes(first) == outcomes(second)
    assert outcomes(first) != outcomes(other)


@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
@pytest.mark.parametrize("stop", [(1, 1), (8, 3), (8, EPOCHS)], ids=["first trial", "middle", "last epoch of a trial"])
def test_a_killed_search_ends_as_an_undisturbed_one(stop: tuple[int, int], pruner: str, tmp_path: Path) -> None:
    undisturbed = search(tmp_path / "whole", pruner=pruner, trials=10)
    reached = undisturbed.trials[stop[0] - 1].epochs
    stop = (stop[0], min(stop[1], reached))
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "killed", Formula(stop=stop), pruner=pruner, trials=10)
    again = Formula()
    assert outcomes(search(tmp_path / "killed", again, pruner=pruner, trials=10)) == outcomes(undisturbed)
    assert len(again.tried) == 10 - (stop[0] - 1)


def test_half_a_line_at_the_end_of_the_journal_is_forgiven(tmp_path: Path) -> None:
    before = search(tmp_path, trials=3)
    with (tmp_path / study.JOURNAL).open("ab") as stream:
        stream.write(b'{"op_code": 4, "wor')
    (tmp_path / f"{study.JOURNAL}.lock").symlink_to(tmp_path / study.JOURNAL)
    assert outcomes(search(tmp_path, trials=4))[:3] == outcomes(before)


def test_a_finished_search_tries_nothing_more(tmp_path: Path) -> None:
    before, training = search(tmp_path), Formula()
    assert outcomes(search(tmp_path, training)) == outcomes(before)
    assert training.tried == []


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_hopeless_trials_are_given_up_early(pruner: str, tmp_path: Path) -> None:
    found = search(tmp_path, pruner=pruner, trials=30)
    given_up = [trial for trial in found.trials if trial.state == "pruned"]
    assert given_up
    assert all(trial.score is None and trial.epochs < EPOCHS for trial in given_up)
    assert found.best.state == "complete"


def test_failed_trials_are_recorded_and_do_not_end_the_search(tmp_path: Path) -> None:
    found = search(tmp_path, Formula(worst=math.inf))
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed
    assert all("not finite in any epoch" in trial.reason and trial.score is None for trial in failed)
    assert len(found.trials) == 12
    found.write(tmp_path)
    with (tmp_path / "trials.csv").open(newline="") as stream:
        assert sum(row["state"] == "failed" for row in csv.DictReader(stream)) == len(failed)


def test_a_search_in_which_every_trial_fails_says_why(tmp_path: Path) -> None:
    space = {"optimizer.learning_rate": {"low": 0.1, "high": 1.0}}
    with pytest.raises(TandemError, match=r"none of 2 trials came to an end: TandemError: .*not finite in any epoch"):
        search(tmp_path, Formula(worst=math.inf), trials=2, space=space)


def test_where_the_loss_varies_trials_are_scored_by_the_point_forecast(tmp_path: Path) -> None:
    space = {"loss.kind": {"choices": ["mse", "quantile"]}}
    found = search(tmp_path, point_error=0.25, trials=3, space=space, pruner="median")
    assert [trial.score for trial in found.trials] == [0.25] * 3
    assert found.objective == "squared error of point forecasts on validation windows"


def test_only_the_best_trials_progress_is_kept(tmp_path: Path) -> None:
    found = search(tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [found.work]


def test_no_trial_begins_after_the_time_is_spent(tmp_path: Path) -> None:
    assert len(search(tmp_path, timeout=1e-9).trials) == 1
