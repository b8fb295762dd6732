from __future__ import annotations

import functools
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.register import step
from components.register.candidate import Candidate
from components.register.config import MlflowConfig, RegisterConfig
from components.register.evaluation import Evaluation
from components.register.mlflow_registry import connect
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import ArtifactError, InputError
from components.shared.files import write_json

SAFE = {".keras", ".json", ".yaml", ".csv", ".pb", ".index", ".data-00000-of-00001"}


def run(
    tmp_path: Path, registry: MlflowConfig, prepared: Path, model: Path, evaluation: Path, **config: object
) -> step.Registration:
    parsed = RegisterConfig.parse({"name": "oil", "registry": registry.model_dump(), **config})
    return step.run(parsed, prepared, model, evaluation, tmp_path / "exported")


@pytest.fixture
def other_model(tmp_path: Path, model_folder: Path) -> Path:
    """The model with other weights."""
    folder = tmp_path / "other-model"
    shutil.copytree(model_folder, folder)
    model = keras.saving.load_model(folder / "model.keras")
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    model.save(folder / "model.keras")
    return folder


def test_a_model_that_beats_the_baselines_becomes_champion(
    tmp_path: Path,
    registry_config: MlflowConfig,
    prepared_folder: Path,
    model_folder: Path,
    evaluation: Callable[..., Path],
) -> None:
    done = run(tmp_path, registry_config, prepared_folder, model_folder, evaluation(rmse=1.5), tags={"owner": "desk 4"})
    assert done.version_name == "oil-7/1"
    assert done.describe() | {"location": "", "digest": ""} == {
        "name": "oil-7",
        "version": 1,
        "aliases": "candidate, champion",
        "location": "",
        "digest": "",
        "verdict": "feedforward beats the random walk",
        "beats": True,
        "max_difference": done.max_difference,
    }
    with connect(registry_config.database) as client:
        version = client.get_model_version_by_alias("oil-7", "champion")
        shown = client.get_run(version.run_id)
    assert version.tags["owner"] == "desk 4"
    assert version.tags["metric/rmse"] == "1.5"
    assert (version.tags["horizon"], version.tags["beats"]) == ("7", "true")
    assert shown.info.status == "FINISHED"
    assert shown.data.metrics == {"feedforward/rmse": 1.5, "random_walk/rmse": 2.0, "random_walk/r2": 0.1}
    assert shown.data.params["train.model.kind"] == "feedforward"
    assert shown.data.params["data.lookback"] == "12"


def test_champion_stays_with_the_model_that_earned_it(
    tmp_path: Path,
    registry_config: MlflowConfig,
    prepared_folder: Path,
    model_folder: Path,
    other_model: Path,
    evaluation: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(tmp_path, registry_config, prepared_folder, model_folder, evaluation(rmse=1.5))
    assert caplog.messages[-1] == "registered as candidate, champion 2/2"
    worse = run(tmp_path, registry_config, prepared_folder, other_model, evaluation(rmse=2.5))
    assert caplog.messages[-1] == "registered as candidate 2/2", "whether the gate opened is seen without a search"
    assert (worse.version_name, worse.version.aliases) == ("oil-7/2", ("candidate",))
    with connect(registry_config.database) as client:
        assert client.get_model_version_by_alias("oil-7", "candidate").version == 2
        assert client.get_model_version_by_alias("oil-7", "champion").version == 1
    better = run(tmp_path, registry_config, prepared_folder, other_model, evaluation(rmse=1.1))
    assert (better.version_name, better.version.aliases) == ("oil-7/3", ("candidate", "champion"))


def test_the_same_model_under_another_name_is_another_version(
    tmp_path: Path, prepared_folder: Path, model_folder: Path, evaluation: Callable[..., Path]
) -> None:
    model, path = TrainedModel.open(model_folder), evaluation(rmse=1.5)
    found = [
        Candidate.of(
            RegisterConfig.parse({"name": name}), model, Evaluation.read(path), evaluation_path=path, exported_path=path
        )
        for name in ("oil", "oil", "meal")
    ]
    assert [each.name for each in found] == ["oil-7", "oil-7", "meal-7"]
    assert found[0].identity == found[1].identity != found[2].identity


def test_registering_again_finds_the_version(
    tmp_path: Path,
    registry_config: MlflowConfig,
    prepared_folder: Path,
    model_folder: Path,
    evaluation: Callable[..., Path],
) -> None:
    first = run(tmp_path, registry_config, prepared_folder, model_folder, evaluation(rmse=1.5))
    shutil.rmtree(tmp_path / "exported")
    again = run(tmp_path, registry_config, prepared_folder, model_folder, evaluation(rmse=1.5))
    assert again == first
    with connect(registry_config.database) as client:
        assert len(client.search_model_versions("name = 'oil-7'")) == 1


def test_registered_files_outlive_the_run_and_load_without_unpickling(
    tmp_path: Path,
    registry_config: MlflowConfig,
    prepared_folder: Path,
    model_folder: Path,
    evaluation: Callable[..., Path],
) -> None:
    done = run(tmp_path, registry_config, prepared_folder, model_folder, evaluation(rmse=1.5))
    shutil.rmtree(tmp_path / "exported")
    kept = Path(done.version.location)
    files = [file for file in kept.rglob("*") if file.is_file()]
    assert {"".join(file.suffixes) for file in files} <= SAFE
    prepared = Prepared.open(prepared_folder)
    windows = prepared.windows(np.asarray(prepared.starts("test")))
    with refusing_to_unpickle():
        served = tf.saved_model.load(str(kept / "exported")).signatures["serving_default"]
        answers = served(window=tf.constant(windows))["forecast"].numpy()[:, 0]
        expected = TrainedModel.open(kept / "model").predict(windows)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


_refusing = threading.Event()


@functools.cache
def watch_unpickling() -> None:
    """Install the audit hook, once: it cannot be removed again, only told to look away."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class" and _refusing.is_set():
            raise AssertionError(f"something unpickled {arguments}")

    sys.addaudithook(refuse)


@contextmanager
def refusing_to_unpickle() -> Iterator[None]:
    watch_unpickling()
    _refusing.set()
    try:
        yield
    finally:
        _refusing.clear()


def test_the_guard_against_unpickling_guards() -> None:
    pickled = pickle.dumps(Path("a"))
    with refusing_to_unpickle(), pytest.raises(AssertionError, match="something unpickled"):
        pickle.loads(pickled)


def test_nothing_is_written_when_the_evaluation_is_not_one(
    tmp_path: Path, registry_config: MlflowConfig, prepared_folder: Path, model_folder: Path
) -> None:
    broken = tmp_path / "evaluation"
    write_json(broken / "metrics.json", {"model": "lstm", "table": {"gru": {}}, "verdict": {"metric": "rmse"}})
    with pytest.raises(ArtifactError, match="beats"):
        run(tmp_path, registry_config, prepared_folder, model_folder, broken)
    assert not (tmp_path / "exported").exists()
    assert not (tmp_path / "registry" / "models").exists()


def test_importing_the_stage_loads_nothing_heavy() -> None:
    heavy = ["tensorflow", "keras", "mlflow", "sqlalchemy", "pandas", "kfp", "matplotlib"]
    program = (
        "import sys, components.register.step, components.register.config, components.register.registry;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_config_reports_every_problem_at_once() -> None:
    with pytest.raises(InputError) as caught:
        RegisterConfig.parse(
            {"name": "Soy Oil", "registry": {"uri": "http://server"}, "tags": {"digest": "x"}, "tolerence": 1},
            section="register",
        )
    message = str(caught.value)
    assert "register.name" in message
    assert "expected sqlite:/// and the path of a file" in message
    assert "registration sets these tags itself: digest" in message
    assert "did you mean tolerance?" in message


@pytest.mark.parametrize("uri", ["sqlite:///", "sqlite://file.db", "sqlite:///:memory:", "sqlite:///a.db?mode=ro"])
def test_a_registry_needs_a_file(uri: str) -> None:
    with pytest.raises(InputError, match="expected sqlite:///"):
        RegisterConfig.parse({"name": "oil", "registry": {"uri": uri}})
