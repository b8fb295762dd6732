"""The same pipelines, compiled and run by the locked KFP and by the newest, each in an environment of its own.

``TANDEM_KFP_ENV`` may name an existing environment with the newest KFP (and no TensorFlow); else one is made, or the
tests are skipped where packages cannot be installed.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("sdk_exchange.py")
PACKAGES = ("kfp>2.13", "click", "rich", "pyyaml", "pydantic", "numpy", "pyarrow", "fsspec")
COMMON = {
    "chain": "hello:5",
    "types": "int,int,int,float",
    "conditions": 33,
    "collected": 36,
    "nested": 13,
    "nested-loops": 66,
}
ONLY_NEWEST = {"workspace": "kept", "task-config": "TaskConfig:hi", "embedded": "42", "limits": 3}


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the newest KFP."""
    if given := os.environ.get("TANDEM_KFP_ENV"):
        return Path(given) / "bin" / "python"
    folder = tmp_path_factory.mktemp("newest_kfp")
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    words = [interpreter, "-m", "pip", "install", "--quiet", *PACKAGES]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)
    if done.returncode:
        pytest.skip(f"the newest kfp cannot be installed here: {done.stderr.strip()[-300:]}")
    return interpreter


@pytest.fixture(scope="module")
def compiled(newest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of compiled files for each SDK."""
    folders = {}
    for name, interpreter in (("locked", Path(sys.executable)), ("newest", newest)):
        folders[name] = tmp_path_factory.mktemp(name)
        exchange(interpreter, "compile", folders[name])
    return folders


def exchange(interpreter: Path, *words: object) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [str(interpreter), str(SCRIPT), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("runs_on", ["locked", "newest"])
@pytest.mark.parametrize("compiled_by", ["locked", "newest"])
def test_pipelines_of_either_sdk_run_under_either(
    newest: Path, compiled: dict[str, Path], tmp_path: Path, compiled_by: str, runs_on: str
) -> None:
    interpreter = newest if runs_on == "newest" else Path(sys.executable)
    found = exchange(interpreter, "run", compiled[compiled_by], tmp_path)
    assert {name: found[name]["outputs"].get("Output") for name in COMMON} == COMMON
    handled = found["exit-handler"]
    assert (handled["state"], handled["tasks"]["final-state"]) == ("failed", "FAILED")
    assert handled["errors"] == ["RuntimeError: on purpose"]


def test_features_of_the_newest_sdk_run_under_it(newest: Path, compiled: dict[str, Path], tmp_path: Path) -> None:
    found = exchange(newest, "run", compiled["newest"], tmp_path)
    assert {name: found[name]["outputs"].get("Output") for name in ONLY_NEWEST} == ONLY_NEWEST


def test_the_locked_sdk_runs_or_refuses_by_name_what_only_the_newest_compiles(
    compiled: dict[str, Path], tmp_path: Path
) -> None:
    found = exchange(Path(sys.executable), "run", compiled["newest"], tmp_path)
    assert {name: found[name]["outputs"].get("Output") for name in ("workspace", "limits")} == {
        "workspace": "kept",
        "limits": 3,
    }
    assert "task shown uses dsl.TaskConfig" in found["task-config"]["refused"]
    assert "task numbers uses dsl.EmbeddedInput" in found["embedded"]["refused"]
