"""``runs …`` in this process: what is typed, what is printed, and the exit codes."""

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from local_runner.errors import RunnerError
from local_runner.runs_cli import runs_group


@pytest.fixture
def ask(tmp_path):
    """``ask("list", "--json")`` gives what is printed; an error is raised as it is."""

    def invoke(*words):
        result = CliRunner().invoke(runs_group, [*map(str, words), "--root", str(tmp_path / "runs")])
        if isinstance(result.exception, RunnerError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return invoke


def refusal(ask, *words):
    with pytest.raises(RunnerError) as caught:
        ask(*words)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_list_filters_by_state_time_and_number(execute, ask, make_and_measure):
    good, failed = execute(make_and_measure), execute(make_and_measure, {"n": 0})

    def ids(*words):
        return [run["id"] for run in json.loads(ask("list", "--json", *words))]

    assert ids() == [failed.id, good.id]
    assert ids("--state", "failed") == [failed.id]
    assert ids("--limit", 1) == [failed.id]
    assert ids("--pipeline", "other") == []
    assert ids("--since", "1h") == [failed.id, good.id]
    assert ids("--since", time.strftime("%Y-%m-%d", time.localtime(time.time() + 86400))) == []
    assert "no such runs" in ask("list", "--state", "running")


def test_a_store_that_is_not_there_is_not_made_by_asking(ask, tmp_path):
    assert "no runs in" in ask("list")
    assert json.loads(ask("list", "--json")) == []
    assert "python -m local_runner run PIPELINE" in refusal(ask, "show")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("list", "--since", "yesterday"), "12h or 7d"),
        (("list", "--state", "faild"), "did you mean failed?"),
        (("show", "absent"), "python -m local_runner runs list"),
        (("rm", "latest"), "add --yes"),
        (("gc", "--older-than", "30x"), "30x"),
    ],
    ids=["since", "state", "run", "no-terminal", "older-than"],
)
def test_bad_input_is_refused_with_what_to_type(execute, ask, make_and_measure, words, message):
    execute(make_and_measure)
    assert message in refusal(ask, *words)


def test_show_as_json_has_every_task(execute, ask, make_and_measure):
    run = execute(make_and_measure)
    shown = json.loads(ask("show", "--json"))
    assert (shown["id"], shown["arguments"], shown["state"]) == (run.id, {"n": 1000}, "succeeded")
    assert {task["path"]: task["outputs"] for task in shown["tasks"]} == {"make": {}, "measure": {"Output": 1000}}
    assert shown["tasks"][1]["artifacts"]["metrics"][0]["metadata"] == {"length": 1000}


def test_compare_as_json(execute, ask, make_and_measure):
    first, second = execute(make_and_measure), execute(make_and_measure, {"n": 5})
    found = json.loads(ask("compare", first.id, second.id, "--json"))
    assert found["metrics"][0]["change"] == -995
    assert found["other_keys"] == ["make", "measure"]


def test_rm_says_what_would_go_and_then_removes_it(execute, ask, make_and_measure):
    run = execute(make_and_measure)
    (run.folder / "notes.md").write_text("mine")
    said = ask("rm", run.id, "--dry-run")
    assert run.id in said
    assert "kept, not written by the runner: notes.md" in said
    assert run.folder.exists()
    assert "kept" in ask("rm", run.id, "--yes")
    assert [path.name for path in run.folder.iterdir()] == ["notes.md"]


def test_gc_dry_run_removes_nothing(execute, ask, make_and_measure):
    failed = execute(make_and_measure, {"n": 0})
    assert failed.id in ask("gc", "--keep", 0, "--dry-run")
    assert "nothing would be removed" in ask("gc", "--keep", 0, "--older-than", "1d", "--dry-run")
    assert failed.folder.exists()
    assert "removed 1 run," in ask("gc", "--keep", 0)
    assert not failed.folder.exists()


@pytest.mark.parametrize(("answer", "stays"), [("n", True), ("y", False)])
def test_on_a_terminal_rm_asks(execute, make_and_measure, tmp_path, answer, stays):
    run = execute(make_and_measure)
    ours, theirs = pty.openpty()
    words = ["runs", "rm", run.id, "--root", str(tmp_path / "runs")]
    with subprocess.Popen(
        [sys.executable, "-m", "local_runner", *words], stdin=theirs, stdout=subprocess.PIPE, text=True
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        said, _ = process.communicate(timeout=60)
    assert "Remove this run?" in said
    assert run.folder.exists() == stays
