"""Every shipped forecasting configuration, from ingest to a registered version, each trained for one epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_runner import run
from pipelines import experiments

NETWORK = [
    "train.epochs=1",
    "explain.samples=2",
    "explain.baselines=2",
    "explain.max_residual=1",
    "evaluate.uncertainty={passes: 4}",
]
TREES = ["train.model.trees=4", "explain.samples=2"]


@pytest.mark.slow
@pytest.mark.parametrize("config", experiments.config_names("forecasting"))
def test_a_shipped_config_runs_to_a_registered_version(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind = experiments.resolve("forecasting", config).arguments["train"]["model"]["kind"]
    experiment = experiments.resolve("forecasting", config, TREES if kind == "dart" else NETWORK)
    done = run(str(experiment.compiled), experiment.arguments, root=tmp_path / "runs")
    assert {task.state for task in done.tasks.values()} == {"succeeded"}
    name = experiment.arguments["register"]["name"]
    assert done.outputs["Output"].startswith(f"{name}-")
    assert done.outputs["Output"].endswith("/1")
