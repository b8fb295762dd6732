"""The command line in a process of its own: exit codes, messages, cheap help."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kfp import compiler, dsl


@dsl.component(base_image="python:3.11")
def work(n: int, metrics: dsl.Output[dsl.Metrics]) -> int:
    metrics.log_metric("model/rmse", 1.25)
    metrics.log_metric("naive/rmse", 2.5)
    metrics.log_metric("rows", 7)
    return n


@dsl.component(base_image="python:3.11")
def check(n: int):
    class BadInputError(Exception):
        exit_code = 2

    if n == 13:
        raise BadInputError("thirteen is not accepted")
    if n > 100:
        raise ValueError("too many")


@dsl.pipeline(name="cli")
def pipeline(n: int = 1):
    check(n=work(n=n).outputs["Output"])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "cli.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def command(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    full = [sys.executable, "-m", "local_runner", *map(str, words)]
    return subprocess.run(full, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, json\nfrom local_runner.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\nprint(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"tensorflow", "keras", "pandas", "numpy", "kfp", "yaml", "rich", "sqlite3"}
    assert not [name for name in loaded if name.startswith("google.cloud.")]


def test_a_good_run_ends_with_its_metrics(compiled: Path, tmp_path: Path) -> None:
    done = command("run", compiled, "--param", "n=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["model", "1.25"] in lines
    assert ["naive", "2.5"] in lines
    assert ["rows", "7"] in lines
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert ["run", str(folder)] in lines


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("m=3", "unknown parameter 'm'"),
        ("n=many", "expected an integer, got 'many'"),
        ("n", "expected NAME=VALUE"),
    ],
)
def test_bad_parameters_end_with_two_before_anything_starts(
    compiled: Path, tmp_path: Path, parameter: str, message: str
) -> None:
    done = command("run", compiled, "--param", parameter, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_failed_task_ends_with_one_and_the_command_that_resumes(compiled: Path, tmp_path: Path) -> None:
    done = command("run", compiled, "--param", "n=101", cwd=tmp_path)
    assert done.returncode == 1
    assert "1 of 2 tasks are done" in done.stderr
    assert "in check" in done.stderr
    assert "ValueError: too many" in done.stderr
    assert "kfp/dsl/executor.py" not in done.stderr
    resume = done.stderr.strip().splitlines()[-1].split()[1:]
    assert resume[:3] == ["-m", "local_runner", "resume"]
    again = command(*resume[2:], cwd=tmp_path)
    assert again.returncode == 1
    assert "work: started" not in again.stdout


def test_bad_input_found_by_a_task_ends_with_two(compiled: Path, tmp_path: Path) -> None:
    done = command("run", compiled, "--param", "n=13", cwd=tmp_path)
    assert done.returncode == 2
    assert "thirteen is not accepted" in done.stderr


def test_runs_are_listed_shown_and_explained(compiled: Path, tmp_path: Path) -> None:
    command("run", compiled, "--quiet", cwd=tmp_path)
    command("run", compiled, "--quiet", "--param", "n=2", cwd=tmp_path)
    assert len(command("runs", "list", cwd=tmp_path).stdout.splitlines()) == 2
    assert "work   succeeded" in command("runs", "show", cwd=tmp_path).stdout
    assert "parameter `n` changed: 1 → 2" in command("why", "work", cwd=tmp_path).stdout
    assert command("runs", "show", "absent", cwd=tmp_path).returncode == 2


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    done = command("run", "absent.yaml", cwd=tmp_path)
    assert (done.returncode, "there is no file absent.yaml" in done.stderr) == (2, True)
