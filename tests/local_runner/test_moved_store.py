"""A store whose folder was renamed: its artifacts are found, shown, read by a resumed run and taken from the cache."""

import shutil

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from kfp import dsl

from local_runner import api
from local_runner.records import State
from local_runner.runs_cli import runs_group
from local_runner.serve import links
from local_runner.serve.app import build
from local_runner.store import Store


@dsl.component(base_image="python:3.11")
def write(out: dsl.Output[dsl.Dataset]):
    with open(out.path, "w") as stream:  # noqa: PTH123
        stream.write("kept")


@dsl.component(base_image="python:3.11")
def read_once_there(data: dsl.Input[dsl.Dataset], sign: str) -> str:
    import os

    if not os.path.exists(sign):  # noqa: PTH110
        raise FileNotFoundError(sign)
    with open(data.path) as stream:  # noqa: PTH123
        return stream.read()


@dsl.pipeline(name="moved")
def pipeline(sign: str):
    read_once_there(data=write().outputs["out"], sign=sign)


@pytest.fixture
def sign(tmp_path):
    """The file without which the second task fails."""
    return tmp_path / "sign"


@pytest.fixture
def moved(execute, tmp_path, sign):
    """The store of a run whose second task failed, under another name than it had."""
    execute(pipeline, {"sign": str(sign)})
    return (tmp_path / "runs").rename(tmp_path / "elsewhere")


def test_an_artifact_is_shown_where_it_is_now(moved):
    result = CliRunner().invoke(runs_group, ["show", "latest", "--root", str(moved)])
    assert result.exit_code == 0
    with Store(moved) as store:
        run = store.run("latest")
        (artifact,) = store.task(run.id, "write").artifacts["out"]
        assert artifact.path == run.folder / "tasks" / "write" / "out"
        assert store.consumers(artifact.uri) == [(run.id, "read-once-there", "data")]


def test_the_page_of_a_moved_store_shows_its_artifacts(moved):
    with Store(moved) as store:
        run = store.run("latest")
    client = TestClient(build(moved), base_url="http://127.0.0.1")
    assert client.get(links.raw(run.id, "write", "out", 0, "")).text == "kept"
    page = client.get(links.artifact(run.id, "write", "out"))
    assert page.status_code == 200
    assert "outside the store" not in page.text


def test_a_run_is_resumed_where_it_is_now(moved, sign):
    with Store(moved) as store:
        before = store.task(store.run("latest").id, "write")
    sign.touch()
    run = api.resume("latest", root=moved)
    assert run.tasks["read-once-there"].outputs == {"Output": "kept"}
    assert run.tasks["write"] == before


def test_the_cache_of_a_moved_store_is_used(moved, sign):
    run = api.run(pipeline, {"sign": str(sign)}, root=moved, raise_on_failure=False)
    assert run.tasks["write"].state == State.CACHED


def test_a_run_that_another_took_an_artifact_from_is_still_needed(moved, sign):
    api.run(pipeline, {"sign": str(sign)}, root=moved, raise_on_failure=False)
    with Store(moved) as store:
        second, first = store.runs()
        assert store.users(first) == [second.id]


def test_a_damaged_database_is_made_again_where_it_is_now(moved):
    (moved / "store.sqlite").write_bytes(b"not a database")
    with Store(moved) as store:
        (artifact,) = store.task(store.run("latest").id, "write").artifacts["out"]
        assert artifact.path.read_text() == "kept"


def test_an_artifact_outside_the_store_keeps_its_address(execute, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("yours")

    @dsl.pipeline(name="imported")
    def imports(sign: str):
        source = dsl.importer(artifact_uri=str(data), artifact_class=dsl.Dataset)
        read_once_there(data=source.output, sign=sign)

    execute(imports, {"sign": str(data)})
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    with Store(tmp_path / "elsewhere") as store:
        (artifact,) = store.task(store.run("latest").id, "importer").artifacts["artifact"]
        assert artifact.path == data
