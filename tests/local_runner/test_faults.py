"""Runs that are killed at any instant, and runs that share a store."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kfp import compiler, dsl

from local_runner import api
from local_runner.records import State
from local_runner.store import Store

COMMAND = [sys.executable, "-m", "local_runner"]
REPOSITORY = Path(__file__).parents[2]
KILLS = 50


@dsl.component(base_image="python:3.11")
def step(marks: str, name: str, n: int) -> int:
    import time

    time.sleep(0.05)
    with open(f"{marks}/{name}", "a") as stream:  # noqa: PTH123
        stream.write("x")
    return n + 1


@dsl.pipeline(name="faults")
def pipeline(marks: str) -> int:
    first = step(marks=marks, name="a", n=0)
    second = step(marks=marks, name="b", n=first.output)
    third = step(marks=marks, name="c", n=second.output)
    return step(marks=marks, name="d", n=third.output).output


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    path = tmp_path / "faults.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    (tmp_path / "marks").mkdir()
    return path


def begin(compiled: Path, *options: str) -> subprocess.Popen[str]:
    words = ["run", str(compiled), "--param", f"marks={compiled.parent / 'marks'}", "--no-cache", *options]
    return subprocess.Popen(
        [*COMMAND, *words], cwd=compiled.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("seed", range(17))
def test_a_run_ended_at_any_instant_resumes(compiled: Path, how: signal.Signals, seed: int) -> None:
    root = compiled.parent / "runs"
    process = begin(compiled)
    while not list(root.glob("*/tasks/*")) and process.poll() is None:
        time.sleep(0.005)
    time.sleep(random.Random(seed).uniform(0, 0.3))
    process.send_signal(how)
    process.communicate()
    with Store(root) as store:
        (run,) = store.runs()
        before = {task.path: task for task in store.tasks(run.id) if task.state == State.SUCCEEDED}
        assert run.state in (State.INTERRUPTED, State.SUCCEEDED)
    if run.state == State.INTERRUPTED:
        run = api.resume(run.id, root=root).record
    assert run.outputs == {"Output": 4}
    with Store(root) as store:
        after = {task.path: task for task in store.tasks(run.id)}
    assert {path: after[path] for path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(20))
def test_two_runs_at_once_on_one_store(compiled: Path, round_: int) -> None:
    both = [begin(compiled) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    with Store(compiled.parent / "runs") as store:
        runs = store.runs()
        assert [run.outputs for run in runs] == [{"Output": 4}] * 2
        assert [len(store.tasks(run.id)) for run in runs] == [4, 4]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_forecasting_run_killed_fifty_times_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    words = [sys.executable, str(Path(__file__).with_name("killed_forecasting.py")), str(tmp_path), str(KILLS)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    undisturbed = found["undisturbed"]
    assert undisturbed["outputs"] == {"Output": "soybean-oil-1m/1"}
    assert set(undisturbed["figures"]) == {"train", "evaluate", "explain"}
    assert sum(story["kills"] for story in found["killed"]) == KILLS
    for story in found["killed"]:
        assert story == {**undisturbed, "kills": story["kills"]}, done.stderr[-2000:]
