from __future__ import annotations

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.shared.artifacts import TrainedModel
from components.shared.progress import LOGGER
from components.train import history, step
from components.train.config import TrainConfig

pytestmark = pytest.mark.slow  # every test trains several nets

SPACE = {
    "model.units": {"choices": [[4], [8]]},
    "batch_size": {"low": 32, "high": 96, "step": 32},
    "optimizer.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True},
}
SMALL: dict[str, Any] = {"model": {"kind": "feedforward", "units": [4]}, "epochs": 2, "batch_size": 64}


def section(trials: int = 3, space: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    tune = {"trials": trials, "startup_trials": 2, "pruner": "none", **changes.pop("tune", {})}
    return {**SMALL, **changes, "tune": {**tune, "space": SPACE if space is None else space}}


def train(folder: Path, prepared: Path, **given: Any) -> step.TrainFigures:
    config = TrainConfig.parse(section(**given), section="train")
    return step.run(config, str(prepared), str(folder / "model"), str(folder / "curves.html"), device="cpu")


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "model" / "trials.csv").open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


class StopAt(logging.Handler):
    """Kill the search in a given epoch of a given trial, as a signal would between two instructions."""

    def __init__(self, trial: int, epoch: int) -> None:
        super().__init__()
        self.trial, self.epoch, self.finished = trial, epoch, 0

    def emit(self, record: logging.LogRecord) -> None:
        told = record.__dict__["progress"]
        self.finished = told["step"] if told["what"] == "trial" else self.finished
        if told["what"] == "epoch" and (self.finished + 1, told["step"]) == (self.trial, self.epoch):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    train(folder, prepared_folder)
    return folder


def test_the_model_is_the_best_trial(tuned: Path) -> None:
    scores = {int(row["trial"]): float(row["score"]) for row in trials(tuned)}
    summary = json.loads((tuned / "model" / "tuning.json").read_text())
    best = min(scores, key=lambda number: scores[number])
    assert summary["best"]["trial"] == best
    assert history.best(history.read(tuned / "model")) == pytest.approx(scores[best], rel=1e-12)
    config = yaml.safe_load((tuned / "model" / "config.yaml").read_text())
    assert config["model"]["units"] == summary["best"]["values"]["model.units"]
    assert config["batch_size"] == summary["best"]["values"]["batch_size"]
    assert config["tune"] is None
    units = config["model"]["units"][0]
    assert TrainedModel.open(tuned / "model").keras.get_layer("dense_0").units == units


def test_every_draw_lies_in_its_space(tuned: Path) -> None:
    for row in trials(tuned):
        assert row["state"] == "complete"
        assert json.loads(row["model.units"]) in [[4], [8]]
        assert json.loads(row["batch_size"]) in (32, 64, 96)
        assert 1e-3 <= float(row["optimizer.learning_rate"]) <= 3e-2


def test_the_page_shows_the_search(tuned: Path) -> None:
    page = (tuned / "curves.html").read_text()
    assert "3 trials (3 complete, 0 pruned, 0 failed)" in page
    assert page.count("<img") == 3
    assert not (tuned / "model.progress").exists()


@pytest.mark.parametrize(
    ("trial", "epoch"),
    [
        pytest.param(1, 2, id="first"),
        pytest.param(2, 1, id="between"),
        pytest.param(3, 2, id="last epoch"),
    ],
)
def test_a_killed_search_ends_as_an_undisturbed_one(
    trial: int, epoch: int, tuned: Path, prepared_folder: Path, tmp_path: Path
) -> None:
    LOGGER.addHandler(handler := StopAt(trial, epoch))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, prepared_folder)
    finally:
        LOGGER.removeHandler(handler)
    assert not (tmp_path / "model").exists()
    train(tmp_path, prepared_folder)
    assert trials(tmp_path) == trials(tuned)
    weights = (TrainedModel.open(folder / "model").keras.get_weights() for folder in (tmp_path, tuned))
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_a_search_killed_by_the_system_goes_on_with_its_finished_trials(
    tuned: Path, prepared_folder: Path, tmp_path: Path
) -> None:
    code = (
        "import json, sys; from components.train import step; from components.train.config import TrainConfig;"
        "given, prepared, folder = sys.argv[1:];"
        "step.run(TrainConfig.parse(json.loads(given), section='train'), prepared, f'{folder}/model', "
        "f'{folder}/curves.html', device='cpu')"
    )
    command = [sys.executable, "-c", code, json.dumps(section()), str(prepared_folder), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("trial 2/3"):
            break
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "trial 3/3" in again
    assert "trial 2/3" not in again
    assert trials(tmp_path) == trials(tuned)


def test_trials_of_different_losses_are_scored_on_one_scale(prepared_folder: Path, tmp_path: Path) -> None:
    space = {"loss.kind": {"choices": ["mse", "mae", "quantile"]}}
    train(tmp_path, prepared_folder, trials=5, space=space)
    summary = json.loads((tmp_path / "model" / "tuning.json").read_text())
    assert summary["objective"] == "squared error of point forecasts on validation windows"
    for row in trials(tmp_path):
        assert row["state"] == "complete"
    by_loss = {row["loss.kind"]: row["score"] for row in trials(tmp_path)}
    rows = history.read(tmp_path / "model")
    if summary["best"]["values"]["loss.kind"] == "mse":
        assert history.best(rows) == pytest.approx(float(by_loss["mse"]), rel=1e-5)
    else:
        assert history.best(rows) != pytest.approx(float(by_loss[summary["best"]["values"]["loss.kind"]]), rel=1e-5)
