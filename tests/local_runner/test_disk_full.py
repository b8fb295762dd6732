"""A disk that is full ends a run with a message; the store still opens, and the run resumes once there is room."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfp import compiler, dsl

from local_runner.records import State
from local_runner.store import Store

SIZE = 4 << 20


@dsl.component(base_image="python:3.11")
def note(n: int) -> int:
    return n + 1


@dsl.component(base_image="python:3.11")
def fill(n: int, megabytes: int, out: dsl.Output[dsl.Dataset]) -> int:
    with open(out.path, "wb") as stream:  # noqa: PTH123
        for _ in range(megabytes):
            stream.write(b"x" * (1 << 20))
            stream.flush()
    return n + 1


@dsl.pipeline(name="full")
def pipeline(megabytes: int) -> int:
    return note(n=fill(n=note(n=0).output, megabytes=megabytes).outputs["Output"]).output


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let the test mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    path = tmp_path / "full.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def command(*words: object) -> subprocess.CompletedProcess[str]:
    full = [sys.executable, "-m", "local_runner", *map(str, words)]
    return subprocess.run(full, capture_output=True, text=True, check=False, timeout=120)


def ballast(folder: Path, leave: int) -> Path:
    """A file that leaves so many bytes of the disk."""
    free = os.statvfs(folder)
    path = folder / "ballast"
    path.write_bytes(b"x" * (free.f_bavail * free.f_bsize - leave))
    return path


def test_a_task_that_fills_the_disk_fails_and_resumes_when_there_is_room(small_disk: Path, compiled: Path) -> None:
    root = small_disk / "runs"
    done = command("run", compiled, "--param", "megabytes=64", "--root", root)
    assert done.returncode == 1, done.stderr
    (partial,) = root.glob("*/tasks/fill/out")
    partial.unlink()
    with Store(root) as store:
        (run,) = store.runs()
        assert run.state == State.INTERRUPTED
        assert store.task(run.id, "note").state == State.SUCCEEDED
    assert done.stderr.strip().endswith(
        f"error: the disk is full; make room, then: python -m local_runner resume {run.id} --root {root}"
    )
    again = command("run", compiled, "--param", "megabytes=1", "--root", root)
    assert again.returncode == 0, again.stderr
    assert "note: cached" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [0, 4, 16, 48, 88, 128, 192, 1080])
def test_a_disk_that_fills_at_any_point_leaves_a_store_that_resumes(
    small_disk: Path, compiled: Path, kibibytes: int
) -> None:
    root = small_disk / "runs"
    words = ["run", compiled, "--param", "megabytes=1", "--root", root]
    assert command(*words).returncode == 0
    weight = ballast(small_disk, kibibytes << 10)
    done = command(*words, "--no-cache")
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    assert "full" in done.stderr
    weight.unlink()
    with Store(root) as store:
        *unfinished, first = store.runs()
    assert (first.state, first.outputs) == (State.SUCCEEDED, {"Output": 3})
    for run in unfinished:
        again = command("resume", run.id, "--root", root)
        assert again.returncode == 0, again.stderr
        with Store(root) as store:
            assert store.run(run.id).outputs == {"Output": 3}
