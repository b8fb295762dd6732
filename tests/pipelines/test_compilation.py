from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.shared.errors import InputError
from pipelines import compilation, experiments


def test_compiling_twice_gives_identical_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "pipelines", "compile", "--out", str(out)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {f"{name}.yaml" for name in experiments.PIPELINES}


def test_the_compiled_file_runs_each_stage_by_kfps_executor(tmp_path: Path) -> None:
    spec = yaml.safe_load(compilation.compile_pipeline("forecasting", tmp_path / "f.yaml").read_text())
    containers = {name: executor["container"] for name, executor in spec["deploymentSpec"]["executors"].items()}
    assert {"exec-ingest", "exec-train", "exec-register"} <= set(containers)
    for name, container in containers.items():
        assert container["image"] == "tandem-suite"
        assert container["command"][:3] == ["python3", "-m", "kfp.dsl.executor_main"]
        assert container["args"][-2:] == ["--function_to_execute", name.removeprefix("exec-")]


def test_no_model_is_registered_before_it_is_explained(tmp_path: Path) -> None:
    spec = yaml.safe_load(compilation.compile_pipeline("forecasting", tmp_path / "f.yaml").read_text())
    assert "explain" in spec["root"]["dag"]["tasks"]["register"]["dependentTasks"]


def test_a_compiled_file_carries_its_default_experiment(tmp_path: Path) -> None:
    spec = yaml.safe_load(compilation.compile_pipeline("forecasting", tmp_path / "f.yaml").read_text())
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["train"]["defaultValue"]["model"]["kind"] == "lstm"


def test_images_are_chosen_when_compiling(tmp_path: Path) -> None:
    image = "registry.example/tandem@sha256:" + "0" * 64
    text = compilation.compile_pipeline(
        "forecasting", tmp_path / "f.yaml", image_names={"tandem-suite": image}
    ).read_text()
    assert text.count(image) == (experiments.COMPILED / "forecasting.yaml").read_text().count("image: tandem-suite")
    assert "image: tandem-suite" not in text


def test_an_unknown_image_symbol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown image 'tandem-siute': did you mean"):
        compilation.compile_pipeline("forecasting", tmp_path / "f.yaml", image_names={"tandem-siute": "x"})
    assert not (tmp_path / "f.yaml").exists()


def test_a_graph_that_takes_what_no_config_can_give_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = experiments.PipelineSpec(experiments.ForecastExperiment, "forecast_1m")
    monkeypatch.setitem(experiments.PIPELINES, "forecasting", without)
    with pytest.raises(InputError, match=r"takes train, for which ForecastExperiment .* has no section") as refused:
        compilation.compile_pipeline("forecasting", tmp_path / "f.yaml")
    assert len(refused.value.problems) == 5
    assert not (tmp_path / "f.yaml").exists()


def test_the_golden_files_are_fresh() -> None:
    assert compilation.stale() == []


def test_a_stale_golden_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "COMPILED", tmp_path)
    assert compilation.stale() == list(experiments.PIPELINES)


@pytest.fixture(scope="module")
def compiled_ab(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The A/B pipeline, compiled where there is neither a Google Cloud project nor anybody logged in."""
    folder = tmp_path_factory.mktemp("ab")
    without = {key: value for key, value in os.environ.items() if not key.startswith(("GOOGLE_", "CLOUDSDK_"))}
    subprocess.run(
        [sys.executable, "-m", "pipelines", "compile", "forecasting_ab", "--out", str(folder)],
        check=True, env={**without, "HOME": str(folder)}, capture_output=True,
    )  # fmt: skip
    return yaml.safe_load((folder / "forecasting_ab.yaml").read_text())


def test_the_two_trainings_do_not_wait_for_each_other(compiled_ab: dict[str, Any]) -> None:
    tasks = compiled_ab["root"]["dag"]["tasks"]
    assert tasks["train"]["dependentTasks"] == tasks["train-2"]["dependentTasks"] == ["preprocess"]
    assert set(tasks["ensemble"]["dependentTasks"]) == {"preprocess", "train", "train-2"}
    assert {"ensemble", "evaluate", "explain", "explain-2"} <= set(tasks["register"]["dependentTasks"])


def test_only_the_branch_that_is_off_by_default_holds_bigquerys_own_tasks(compiled_ab: dict[str, Any]) -> None:
    tasks = compiled_ab["root"]["dag"]["tasks"]
    assert tasks["condition-1"]["triggerPolicy"]["condition"].endswith("'pipelinechannel--bigquery'] == true")
    assert compiled_ab["root"]["inputDefinitions"]["parameters"]["bigquery"]["defaultValue"] is False
    twin = compiled_ab["components"]["comp-train-in-bigquery"]["dag"]["tasks"]
    assert list(twin) == [
        "bigquery-create-model-job", "bigquery-evaluate-model-job", "bigquery-predict-model-job", "bigquery-twin",
    ]  # fmt: skip
    query = twin["bigquery-create-model-job"]["inputs"]["parameters"]["query"]
    assert query["taskOutputParameter"] == {"producerTask": "bigquery-twin", "outputParameterKey": "create_model"}
    for name in ("evaluate", "predict"):
        asked = twin[f"bigquery-{name}-model-job"]["inputs"]
        assert asked["artifacts"]["model"]["taskOutputArtifact"]["producerTask"] == "bigquery-create-model-job"
        assert asked["parameters"]["query_statement"]["taskOutputParameter"]["outputParameterKey"] == "holdout"
    launched = [
        executor["container"]["args"][executor["container"]["args"].index("--type") + 1]
        for executor in compiled_ab["deploymentSpec"]["executors"].values()
        if "google-cloud-pipeline-components" in executor["container"]["image"]
    ]
    assert launched == ["BigqueryCreateModelJob", "BigqueryEvaluateModelJob", "BigqueryPredictModelJob"]
