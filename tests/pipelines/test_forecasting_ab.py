"""The A/B pipeline from its compiled file, on the shipped data, with models too small to be good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_runner import run
from pipelines import compilation, experiments

SMALL = [
    "train_a={model: {kind: feedforward, units: [4]}, epochs: 1, batch_size: 256}",
    "train_b.model.trees=4",
    "explain.samples=2",
    "explain.baselines=4",
    "explain.max_residual=1",
]


@pytest.mark.slow
def test_both_models_and_their_ensemble_end_in_one_table_and_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = experiments.resolve("forecasting_ab", "ab_1m", SMALL)
    compiled = compilation.compile_pipeline("forecasting_ab", tmp_path / "ab.yaml")
    done = run(str(compiled), experiment.arguments, root=tmp_path / "runs")
    assert done.outputs == {"Output": "soybean-oil-ab-1m/1"}
    assert done.tasks["condition-1"].state == "skipped"
    metrics = next((tmp_path / "runs").glob("*/tasks/evaluate/**/metrics.json"))
    content: dict[str, Any] = json.loads(metrics.read_text())
    assert list(content["table"])[:3] == ["ensemble", "feedforward", "dart"]
    assert sum(content["weights"].values()) == pytest.approx(1)
    exported = next((tmp_path / "registry").glob("models/*/*/exported/weights.json"))
    assert set(json.loads(exported.read_text())) == {"feedforward", "dart"}
