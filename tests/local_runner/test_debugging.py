"""The debugger stops where the code really stands, on a real terminal; without one, a breakpoint says what to do."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kfp import dsl

from local_runner import api
from local_runner.records import State

PROGRAM = """\
from kfp import compiler, dsl


@dsl.component(base_image="python:3.11")
def stop(n: int) -> int:
    secret = n + 41
    breakpoint()
    return secret


@dsl.component(base_image="python:3.11")
def fail(n: int):
    culprit = n + 1
    raise ValueError("boom")


@dsl.pipeline(name="debugged")
def pipeline(n: int = 1):
    fail(n=stop(n=n).output)


compiler.Compiler().compile(pipeline, "debugged.yaml")
"""
PROMPT = b"(Pdb) "


@dsl.component(base_image="python:3.11")
def forgotten():
    breakpoint()


@dsl.component(base_image="python:3.11")
def ask():
    input("name? ")


@dsl.component(base_image="python:3.11")
def trace():
    import pdb

    pdb.Pdb().set_trace()


def conversation(words: list[str], answers: list[str], folder: Path) -> str:
    """Everything a command shows on a terminal, with one answer typed at each prompt."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, *words])
    shown, waiting, give_up = b"", list(answers), time.monotonic() + 60
    while time.monotonic() < give_up:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            new = os.read(terminal, 1 << 16)
        except OSError:  # Linux ends a terminal whose last process is gone this way
            break
        shown += new
        if not new:
            break
        if shown.endswith(PROMPT) and waiting:
            os.write(terminal, f"{waiting.pop(0)}\n".encode())
    os.close(terminal)
    os.waitpid(process, 0)
    return shown.decode(errors="replace").replace("\r\n", "\n")


def test_pdb_stops_in_the_real_file_at_breakpoints_and_where_a_task_fails(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PROGRAM)
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, check=True)
    words = ["-m", "local_runner", "run", "debugged.yaml", "--pdb", "--timeout", "0.2"]
    shown = conversation(words, ["p secret", "c", "p culprit", "q"], tmp_path)
    at_breakpoint, after_failure = f"> {file}(8)stop()\n-> return secret\n", f"> {file}(14)fail()\n-> raise ValueError"
    assert at_breakpoint in shown
    assert "p secret\n42\n" in shown
    assert after_failure in shown
    assert "p culprit\n43\n" in shown
    assert "stop: succeeded" in shown, "time spent in the debugger is not the task's"


@pytest.mark.parametrize(
    ("component", "error"),
    [(forgotten, "needs a terminal to talk on: run it with --pdb"), (ask, "EOFError"), (trace, "BdbQuit")],
    ids=["breakpoint", "input", "set_trace"],
)
def test_without_a_debugger_a_task_that_asks_fails_rather_than_wait(execute, component, error):
    @dsl.pipeline(name="asking")
    def pipeline():
        component()

    hook = sys.breakpointhook
    run = execute(pipeline)
    assert run.state == State.FAILED
    (task,) = run.tasks.values()
    assert error in task.error
    assert sys.breakpointhook is hook


def test_the_original_exception_is_the_cause(tmp_path):
    @dsl.pipeline(name="asking")
    def pipeline():
        ask()

    with pytest.raises(api.PipelineFailed) as caught:
        api.run(pipeline, root=tmp_path / "runs")
    assert isinstance(caught.value.__cause__, EOFError)
