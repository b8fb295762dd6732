"""A task may take so long and no longer: as asked for the run, or as the compiled file says."""

import importlib

import pytest
import yaml
from kfp import compiler, dsl

from local_runner import api, plan
from local_runner.records import State

IMAGE = "python:3.11"
TOLD = "TaskTimeoutError: the task ran longer than the 0.3 s it was allowed"


@dsl.component(base_image=IMAGE)
def sleep(seconds: float):
    import time

    time.sleep(seconds)


@dsl.component(base_image=IMAGE)
def stubborn():
    import sys
    import time

    for _ in range(2):
        try:
            time.sleep(60)
        except Exception as error:
            sys.stdout.write(f"went on after {type(error).__name__}\n")


@dsl.component(base_image=IMAGE)
def fail_when_told():
    import time

    try:
        time.sleep(60)
    except Exception:
        raise KeyError("what the code it was in the middle of makes of it") from None


@dsl.component(base_image=IMAGE)
def wait_for_child(marks: str):
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", f"import time; time.sleep(5); open({marks!r}, 'w')"], check=True)


@dsl.component(base_image=IMAGE)
def import_slowly(folder: str):
    import sys
    import time

    sys.path.insert(0, folder)
    import slow_to_import

    sys.stdout.write(f"{slow_to_import.loaded}\n")
    time.sleep(60)


@dsl.component(base_image=IMAGE)
def finalize_slowly():
    import sys
    import time

    class Slow:
        def __del__(self):
            time.sleep(0.6)
            sys.stdout.write("finalized\n")

    Slow()
    time.sleep(60)


@dsl.pipeline(name="late")
def pipeline(seconds: float = 60.0):
    sleep(seconds=seconds)


@pytest.mark.parametrize("name", ["sleep", ""], ids=["by-name", "for-every-task"])
@pytest.mark.parametrize("how", [{}, {"parallel": 2}], ids=["in-process", "workers"])
def test_a_task_that_takes_too_long_fails(execute, name, how):
    run = execute(pipeline, timeout={name: 0.3}, **how)
    assert (run.state, run.tasks["sleep"].error) == (State.FAILED, TOLD)
    assert run.tasks["sleep"].seconds < 30


def test_a_task_in_time_is_not_disturbed_after_it(execute):
    @dsl.pipeline
    def twice():
        first = sleep(seconds=0.0)
        sleep(seconds=0.5).after(first)

    assert execute(twice, timeout={"sleep": 0.3}).state == State.SUCCEEDED


def test_a_task_that_catches_its_timeout_and_goes_on_is_told_again(execute):
    @dsl.pipeline
    def once():
        stubborn()

    run = execute(once, timeout={"": 0.3})
    assert run.tasks["stubborn"].log.read_text().count("went on after TaskTimeoutError") == 2
    assert run.tasks["stubborn"].seconds < 30


def test_an_error_that_only_follows_from_the_timeout_does_not_hide_it(execute):
    @dsl.pipeline
    def once():
        fail_when_told()

    run = execute(once, timeout={"": 0.3})
    assert run.tasks["fail-when-told"].error == TOLD
    assert isinstance(run.error.__cause__, KeyError)


def test_what_a_late_task_had_started_is_ended_too(execute, tmp_path):
    @dsl.pipeline
    def once(marks: str):
        wait_for_child(marks=marks)

    run = execute(once, {"marks": str(tmp_path / "mark")}, timeout={"": 0.5})
    assert run.state == State.FAILED
    assert not (tmp_path / "mark").exists()


def test_a_late_attempt_is_tried_again_and_each_attempt_has_its_own_time(execute):
    @dsl.pipeline
    def retried():
        sleep(seconds=60.0).set_retry(2, backoff_duration="0s")

    run = execute(retried, timeout={"sleep": 0.3})
    assert (run.state, run.tasks["sleep"].attempt) == (State.FAILED, 2)


def test_an_import_that_has_begun_is_finished_first(execute, tmp_path):
    """Half a TensorFlow in the process would fail every later task."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.6)\nloaded = 'as a whole'\n")

    @dsl.pipeline
    def once(folder: str):
        import_slowly(folder=folder)

    run = execute(once, {"folder": str(tmp_path)}, timeout={"": 0.3})
    assert run.tasks["import-slowly"].error == TOLD
    assert run.tasks["import-slowly"].log.read_text() == "as a whole\n"
    assert run.tasks["import-slowly"].seconds < 30


def test_a_runner_that_is_itself_being_imported_keeps_time(tmp_path, monkeypatch):
    compiler.Compiler().compile(pipeline, str(tmp_path / "late.yaml"))
    (tmp_path / "runs_when_imported.py").write_text(
        "from local_runner import api\n"
        f"done = api.run({str(tmp_path / 'late.yaml')!r}, root={str(tmp_path / 'runs')!r}, raise_on_failure=False,"
        " options=api.Options(timeout={'': 0.3}))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    done = importlib.import_module("runs_when_imported").done
    assert (done.tasks["sleep"].error, done.tasks["sleep"].seconds < 30) == (TOLD, True)


def test_the_timeout_is_not_lost_in_a_finalizer(execute):
    @dsl.pipeline
    def once():
        finalize_slowly()

    run = execute(once, timeout={"": 0.3})
    assert run.tasks["finalize-slowly"].error == TOLD
    assert run.tasks["finalize-slowly"].log.read_text() == "finalized\n"


def with_deadline(tmp_path, seconds):
    """The compiled file with the second document that kfp-kubernetes' ``set_timeout`` writes."""
    path = tmp_path / "late.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    settings = {"deploymentSpec": {"executors": {"exec-sleep": {"activeDeadlineSeconds": seconds}}}}
    path.write_text(f"{path.read_text()}---\n{yaml.safe_dump({'platforms': {'kubernetes': settings}})}")
    return path


def test_a_deadline_in_the_compiled_file_holds_here_too(tmp_path):
    run = api.run(with_deadline(tmp_path, "0.3"), root=tmp_path / "runs", raise_on_failure=False)
    assert run.tasks["sleep"].error == TOLD


def test_a_timeout_given_for_the_run_goes_before_the_compiled_files(tmp_path):
    planned = plan.read(with_deadline(tmp_path, "3600"))
    assert planned.executor("comp-sleep")[plan.DEADLINE] == 3600.0
    options = api.Options(timeout={"": 0.3})
    run = api.run(with_deadline(tmp_path, "3600"), root=tmp_path / "runs", raise_on_failure=False, options=options)
    assert run.tasks["sleep"].error == TOLD
