"""An empty registry that was made once, and evaluations that say what a test needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.register.config import MlflowConfig
from components.register.mlflow_registry import connect
from components.shared.files import write_json


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with MLflow's tables and nothing in them: making the tables takes seconds, copying them does not."""
    database = tmp_path_factory.mktemp("registry") / "registry.db"
    with connect(database) as client:
        client.search_registered_models()
    return database


@pytest.fixture
def registry_config(tmp_path: Path, empty_registry: Path) -> MlflowConfig:
    """Config of a registry of this test's own."""
    (tmp_path / "registry").mkdir()
    shutil.copyfile(empty_registry, tmp_path / "registry" / "registry.db")
    return MlflowConfig(uri=f"sqlite:///{tmp_path / 'registry' / 'registry.db'}")


@pytest.fixture
def evaluation(tmp_path: Path) -> Callable[..., Path]:
    """Write a metrics artifact in which the model's error is ``rmse`` and the best baseline's is 2."""

    def write(*, rmse: float) -> Path:
        folder = tmp_path / f"evaluation-{rmse}"
        folder.mkdir(exist_ok=True)
        beats = rmse < 2
        verdict = {
            "metric": "rmse",
            "model": rmse,
            "best_baseline": "random_walk",
            "best_baseline_value": 2.0,
            "beats": beats,
            "sentence": f"feedforward {'beats' if beats else 'does not beat'} the random walk",
        }
        table = {"feedforward": {"rmse": rmse, "r2": None}, "random_walk": {"rmse": 2.0, "r2": 0.1}}
        write_json(folder / "metrics.json", {"model": "feedforward", "horizon": 7, "table": table, "verdict": verdict})
        return folder

    return write
