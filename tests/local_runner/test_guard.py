"""A task cannot disturb the process it runs in, nor the task after it."""

import logging
import os
import random
import sys
import warnings

import pytest
from kfp import dsl

from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def disturb(folder: str):
    import logging
    import os
    import random
    import sys
    import threading
    import time
    import warnings

    os.environ["TANDEM_LEFT"] = "behind"
    os.environ.pop("HOME", None)
    os.chdir(folder)
    sys.path.insert(0, "/left/behind")
    sys.argv = ["left"]
    sys.setrecursionlimit(12345)
    warnings.simplefilter("error")
    logging.basicConfig(level=logging.DEBUG, force=True)
    logging.disable(logging.CRITICAL)
    logging.getLogger("tandem.test").setLevel(logging.CRITICAL)
    random.seed(0)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    threading.Thread(target=time.sleep, args=(1,), daemon=True).start()


@dsl.component(base_image=IMAGE)
def leave(code: int):
    import sys

    sys.exit(code)


@dsl.component(base_image=IMAGE)
def chatter(size: int):
    import os
    import sys

    sys.stdout.write("x" * size + "\n")
    sys.stderr.write("to stderr\n")
    os.write(1, b"to the descriptor\n")
    os.system("echo from a child process")


@dsl.component(base_image=IMAGE)
def draw() -> float:
    import random

    return random.random()


def state_of_the_process() -> dict[str, object]:
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "path": sys.path[:],
        "arguments": sys.argv[:],
        "recursion": sys.getrecursionlimit(),
        "filters": warnings.filters[:],
        "handlers": logging.root.handlers[:],
        "levels": (logging.root.level, logging.root.manager.disable, logging.getLogger("tandem.test").level),
        "random": random.getstate(),
        "stdout": sys.stdout,
    }


def test_everything_is_put_back(execute, tmp_path):
    @dsl.pipeline
    def pipeline(folder: str):
        disturb(folder=folder)

    before = state_of_the_process()
    assert execute(pipeline, {"folder": str(tmp_path)}).state == State.SUCCEEDED
    assert state_of_the_process() == before


@pytest.mark.parametrize(("code", "state"), [(0, State.SUCCEEDED), (3, State.FAILED)])
def test_sys_exit_ends_the_task_and_nothing_else(execute, code, state):
    @dsl.pipeline
    def pipeline(code: int):
        leave(code=code)

    run = execute(pipeline, {"code": code})
    assert run.state == state
    assert run.tasks["leave"].error == ("TaskError: the task called sys.exit(3)" if code else "")


def test_all_output_is_in_the_log_in_order(execute, capfd):
    @dsl.pipeline
    def pipeline():
        chatter(size=3_000_000)

    log = execute(pipeline).tasks["chatter"].log.read_text()
    assert log == "x" * 3_000_000 + "\nto stderr\nto the descriptor\nfrom a child process\n"
    assert capfd.readouterr().out == ""


def test_each_task_draws_its_own_random_numbers(execute):
    @dsl.pipeline
    def pipeline():
        draw().set_caching_options(False)
        draw().set_caching_options(False)

    run = execute(pipeline)
    assert run.tasks["draw"].outputs != run.tasks["draw-2"].outputs
