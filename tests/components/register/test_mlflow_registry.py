from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from components.register.candidate import Candidate
from components.register.config import MlflowConfig
from components.register.mlflow_registry import LocalMlflow, connect
from components.register.registry import RegistryError, Version
from components.shared.errors import InputError


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("1 2 3")
    return Candidate(
        name="oil-1m",
        identity="aaaa",
        folders={"model": folder, "exported": folder},
        champion=True,
        tags={"digest": "sha256:1"},
        params={f"p{i}": str(i) for i in range(150)} | {"long": "x" * 7000},
        metrics={"lstm/rmse": 1.0},
        description="lstm beats the random walk",
    )


def test_a_version_has_its_files_and_its_run(registry_config: MlflowConfig, candidate: Candidate) -> None:
    version = LocalMlflow.open(registry_config).register(candidate)
    assert (version.name, version.number, version.aliases) == ("oil-1m", 1, ("candidate", "champion"))
    assert (Path(version.location) / "model" / "weights").read_text() == "1 2 3"
    with connect(registry_config.database) as client:
        stored = client.get_model_version("oil-1m", 1)
        shown = client.get_run(stored.run_id)
    assert stored.source == str(Path(version.location) / "exported")
    assert stored.description == candidate.description
    assert len(shown.data.params) == 151
    assert Path(shown.info.artifact_uri.removeprefix("file://")).is_relative_to(registry_config.database.parent)


def test_a_registration_that_failed_half_way_is_completed_by_the_next(
    registry_config: MlflowConfig, candidate: Candidate
) -> None:
    registry = LocalMlflow.open(registry_config)
    # MLflow refuses the metric after the files are copied and the run exists, but before there is a version.
    with pytest.raises(RegistryError, match=r"registry\.db failed"):
        registry.register(replace(candidate, metrics={"no|such:name?": 1.0}))
    with connect(registry_config.database) as client:
        assert not client.search_model_versions("name = 'oil-1m'")
    assert registry.register(candidate).number == 1
    with connect(registry_config.database) as client:
        (run,) = client.search_runs([client.get_experiment_by_name("oil-1m").experiment_id])
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"lstm/rmse": 1.0})


def test_no_version_exists_before_its_files(
    registry_config: MlflowConfig, candidate: Candidate, tmp_path: Path
) -> None:
    registry = LocalMlflow.open(registry_config)
    gone = replace(candidate, folders={**candidate.folders, "evaluation": tmp_path / "gone"})
    with pytest.raises(FileNotFoundError):
        registry.register(gone)
    with connect(registry_config.database) as client:
        assert not client.search_model_versions("name = 'oil-1m'")


def test_aliases_that_a_crash_left_out_are_moved_by_a_retry(
    registry_config: MlflowConfig, candidate: Candidate
) -> None:
    registry = LocalMlflow.open(registry_config)
    registry.register(candidate)
    with connect(registry_config.database) as client:
        client.delete_registered_model_alias("oil-1m", "candidate")
        client.delete_registered_model_alias("oil-1m", "champion")
    assert registry.register(candidate).aliases == ("candidate", "champion")


def test_a_version_after_a_deleted_one_has_its_own_files(registry_config: MlflowConfig, candidate: Candidate) -> None:
    registry = LocalMlflow.open(registry_config)
    registry.register(candidate)
    with connect(registry_config.database) as client:
        client.delete_model_version("oil-1m", "1")
    second = registry.register(replace(candidate, identity="bbbb"))
    assert second.number == 2
    assert Path(second.location).name == "bbbb"


def test_threads_register_one_after_the_other(registry_config: MlflowConfig, candidate: Candidate) -> None:
    versions: list[Version] = []

    def register(identity: str) -> None:
        registry = LocalMlflow.open(registry_config)
        versions.append(registry.register(replace(candidate, identity=identity)))

    threads = [threading.Thread(target=register, args=(identity,)) for identity in ("a", "b", "a", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(versions) == 4
    assert {version.number for version in versions} == {1, 2, 3}


PROGRAM = """
import sys
from pathlib import Path
from components.register.candidate import Candidate
from components.register.config import MlflowConfig
from components.register.mlflow_registry import LocalMlflow
registry = LocalMlflow.open(MlflowConfig(uri=sys.argv[1]))
for identity in sys.argv[3:]:
    folder = Path(sys.argv[2])
    candidate = Candidate("oil-1m", identity, {"exported": folder}, True, {}, {}, {"m": 1.0}, "")
    print(registry.register(candidate).number)
"""


@pytest.mark.slow
def test_two_processes_share_a_registry_that_neither_has_made(tmp_path: Path, candidate: Candidate) -> None:
    uri = f"sqlite:///{tmp_path / 'new' / 'registry.db'}"
    work = [["shared", "a1", "a2", "a3"], ["shared", "b1", "b2", "b3"]]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, uri, str(candidate.folders["model"]), *identities],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for identities in work
    ]
    answers = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0, 0], answers
    numbers = [[int(line) for line in out.split()] for out, _ in answers]
    assert numbers[0][0] == numbers[1][0]
    assert sorted({number for each in numbers for number in each}) == [1, 2, 3, 4, 5, 6, 7]
    with connect(tmp_path / "new" / "registry.db") as client:
        stored = client.search_model_versions("name = 'oil-1m'")
        assert sorted(int(version.version) for version in stored) == [1, 2, 3, 4, 5, 6, 7]
    assert all(Path(version.source).is_dir() for version in stored)


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are not tables")
    with pytest.raises(InputError, match=r"notes\.db is not a SQLite database"):
        LocalMlflow.open(MlflowConfig(uri=f"sqlite:///{tmp_path / 'notes.db'}"))


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"register\.registry\.uri: no registry can be at"):
        LocalMlflow.open(MlflowConfig(uri=f"sqlite:///{tmp_path / 'file' / 'registry.db'}"))


def test_a_relative_registry_is_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert MlflowConfig().database == tmp_path / "registry" / "registry.db"


@pytest.mark.slow
def test_mlflow_does_not_report_its_use(registry_config: MlflowConfig) -> None:
    program = (
        "from components.register.mlflow_registry import connect; from pathlib import Path\n"
        f"with connect(Path({str(registry_config.database)!r})): pass\n"
        "from mlflow.telemetry.client import get_telemetry_client; print(get_telemetry_client())"
    )
    clean = {
        key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_CURRENT_TEST", "DO_NOT_TRACK")
    }
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean)
    assert done.stdout.strip() == "None"


def test_the_database_appears_whole(tmp_path: Path) -> None:
    """A kill while MLflow made its tables left a half-migrated file that no later registration could open."""
    database = tmp_path / "registry.db"
    seen: list[bool] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "sqlite3.connect" and not seen:
            seen.append(str(arguments[0]).endswith("registry.db"))

    sys.addaudithook(watch)
    with connect(database) as client:
        assert client.search_experiments(max_results=1)
    assert seen == [False], "the tables must be made in another file than the registry's"
    assert [path.name for path in tmp_path.iterdir()] == ["registry.db"]
