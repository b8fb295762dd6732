"""What one task does to the process, seen from the task after it; and threads that outlive their task."""

# ruff: noqa: T201  (a task may print)

import subprocess
import sys
import threading

import pytest
from kfp import compiler, dsl

from local_runner.records import State

IMAGE = "python:3.11"
pytestmark = pytest.mark.filterwarnings("ignore:an error, if")


@dsl.component(base_image=IMAGE)
def disturb(folder: str, ending: str):
    import logging
    import os
    import sys
    import warnings

    os.chdir(folder)
    os.environ["TANDEM_LEFT"] = "behind"
    sys.path.insert(0, folder)
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)
    logging.getLogger("tandem.test").setLevel(logging.CRITICAL)
    if ending == "exit":
        sys.exit(3)
    if ending == "raise":
        raise RuntimeError("on purpose")
    if ending == "close":
        sys.stdout.close()
        sys.stderr.close()
        os.close(1)


@dsl.component(base_image=IMAGE)
def surroundings(folder: str) -> dict:
    import logging
    import os
    import sys
    import warnings

    print("printed")
    warnings.warn("an error, if the last task's filters still held", stacklevel=1)
    return {
        "moved": os.getcwd() == folder,  # noqa: PTH109
        "variable": os.environ.get("TANDEM_LEFT", "unset"),
        "path": folder in sys.path,
        "disabled": logging.root.manager.disable,
        "level": logging.getLogger("tandem.test").level,
    }


@dsl.component(base_image=IMAGE)
def leave_thread(until: str):
    import os
    import threading
    import time

    def work():
        while not os.path.exists(until):  # noqa: PTH110
            time.sleep(0.01)

    threading.Thread(target=work, name="left-behind").start()


@dsl.pipeline(name="threads")
def leaving(until: str, folder: str) -> dict:
    return surroundings(folder=folder).after(leave_thread(until=until)).output


UNDISTURBED = {"moved": False, "variable": "unset", "path": False, "disabled": 0, "level": 0}


@pytest.mark.parametrize("ending", ["return", "exit", "raise", "close"])
def test_the_next_task_finds_everything_as_it_was(execute, tmp_path, ending):
    @dsl.pipeline
    def pipeline(folder: str, ending: str) -> dict:
        first = disturb(folder=folder, ending=ending)
        return surroundings(folder=folder).after(first).ignore_upstream_failure().output

    run = execute(pipeline, {"folder": str(tmp_path), "ending": ending})
    task = run.tasks["surroundings"]
    assert run.tasks["disturb"].state == (State.FAILED if ending in ("exit", "raise") else State.SUCCEEDED)
    assert task.outputs["Output"] == UNDISTURBED
    assert task.log.read_text().startswith("printed\n")


def test_a_thread_that_outlives_its_task_is_told_and_harms_nothing(execute, tmp_path):
    until = tmp_path / "enough"
    run = execute(leaving, {"until": str(until), "folder": str(tmp_path)})
    until.touch()
    for thread in threading.enumerate():
        if thread.name == "left-behind":
            thread.join()
    assert run.outputs == {"Output": UNDISTURBED}
    assert "left-behind is a thread that this task left running" in run.tasks["leave-thread"].log.read_text()


def test_the_command_ends_although_a_thread_does_not(tmp_path):
    compiler.Compiler().compile(leaving, str(tmp_path / "p.yaml"))
    words = ["-m", "local_runner", "run", "p.yaml", "--param", "until=/never", "--param", f"folder={tmp_path}"]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
