from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.shared.errors import InputError
from pipelines import compilation, experiments


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    target = tmp_path_factory.mktemp("compiled") / "forecast.yaml"
    return yaml.safe_load(compilation.compile_pipeline("forecast", target).read_text())["root"]["dag"]["tasks"]


def test_rows_and_alias_are_looked_at_anew_each_time(tasks: dict[str, Any]) -> None:
    cached = {name: task["cachingOptions"].get("enableCache", False) for name, task in tasks.items()}
    assert cached == {"ingest": False, "find-model": False, "forecast": True}


def test_the_forecast_takes_the_rows_and_the_model(tasks: dict[str, Any]) -> None:
    artifacts = tasks["forecast"]["inputs"]["artifacts"]
    producers = {name: given["taskOutputArtifact"]["producerTask"] for name, given in artifacts.items()}
    assert producers == {"table": "ingest", "model": "find-model"}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.sorce=x", "unknown key model.sorce: did you mean source?"),
        ("forecast.origins=sometimes", "forecast.origins"),
        ("forecast.intervals=[0.9, 0.8]", "expected shares in ascending order"),
        ("forecast.bigquery={table: oil}", "expected project.dataset.table"),
    ],
    ids=["model", "origins", "intervals", "table"],
)
def test_a_mistake_is_named_before_anything_runs(override: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        experiments.resolve("forecast", overrides=[override])
    assert expected in str(caught.value)
