from __future__ import annotations

import dataclasses
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner import plan
from local_runner.durations import in_words
from local_runner.live_tree import Board, Node, fit, iterations
from local_runner.plan import Pipeline
from local_runner.progress import EventLines, Progress, can_redraw, outcome
from local_runner.records import RunRecord, State, TaskKind, TaskRecord

MakeTask = Callable[..., TaskRecord]
FORECASTING = {
    "pipelineInfo": {"name": "forecasting"},
    "root": {
        "dag": {
            "tasks": {
                "ingest": {"componentRef": {"name": "comp-leaf"}},
                "train": {
                    "componentRef": {"name": "comp-leaf"},
                    "inputs": {"artifacts": {"table": {"taskOutputArtifact": {"producerTask": "ingest"}}}},
                },
                "evaluate": {
                    "componentRef": {"name": "comp-leaf"},
                    "inputs": {
                        "artifacts": {
                            "table": {"taskOutputArtifact": {"producerTask": "ingest"}},
                            "model": {"taskOutputArtifact": {"producerTask": "train"}},
                        }
                    },
                },
                "for-loop-2": {
                    "componentRef": {"name": "comp-loop"},
                    "dependentTasks": ["evaluate"],
                    "parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2, 3]"}},
                },
                "notify": {"componentRef": {"name": "comp-leaf"}, "dependentTasks": ["for-loop-2"]},
            }
        }
    },
    "components": {
        "comp-leaf": {"executorLabel": "exec-leaf"},
        "comp-loop": {
            "dag": {
                "tasks": {
                    "score": {"componentRef": {"name": "comp-leaf"}},
                    "publish": {"componentRef": {"name": "comp-leaf"}, "dependentTasks": ["score"]},
                }
            }
        },
    },
    "deploymentSpec": {"executors": {"exec-leaf": {"container": {"command": ["--function_to_execute"]}}}},
}


@pytest.fixture
def forecasting() -> Pipeline:
    """ingest, train, evaluate, a loop of score and publish, notify."""
    return plan.parse(json.dumps(FORECASTING))


@pytest.fixture
def finished_run() -> RunRecord:
    return RunRecord("run-1", "forecasting", State.SUCCEEDED, Path("run-1"), created=1_000.0, finished=1_012.0)


@pytest.fixture
def make_task() -> MakeTask:
    """``make_task("for-loop-2/0/score", State.RUNNING, seconds=2.0)``."""

    def make(path: str, state: State, *, seconds: float = 1.5, **values: Any) -> TaskRecord:
        name = path.rpartition("/")[2]
        kind = TaskKind.LOOP if name.startswith("for-loop") else TaskKind.PYTHON
        finished = 1_000.0 + seconds if state.finished else None
        plain = TaskRecord("run-1", path, name, kind, state, started=1_000.0, finished=finished)
        return dataclasses.replace(plain, **values)

    return make


def test_importing_progress_loads_neither_rich_nor_kfp() -> None:
    program = "import sys, local_runner.progress; print({'rich', 'kfp', 'pandas', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"), (0.0, "0 ms"), (0.0999, "0.1 s"), (59.96, "1 min 00 s"), (3599.7, "1 h 00 min"), (-3.0, "0 ms"),
    ],
    ids=["unknown", "nothing", "not-100-ms", "not-60.0-s", "not-60-min", "clock-set-back"],
)  # fmt: skip
def test_durations_round_to_a_unit_that_exists(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words


def test_a_pipe_gets_one_line_an_event(forecasting: Pipeline, make_task: MakeTask, finished_run: RunRecord) -> None:
    stream = io.StringIO()
    shown = Progress(stream)
    shown.run_started(finished_run, forecasting)
    shown.task_started(make_task("train", State.RUNNING))
    shown.task_progress(
        make_task("train", State.RUNNING), {"what": "epoch", "step": 1, "total": 9, "figures": {"loss": 0.5}}
    )
    shown.task_log(make_task("train", State.RUNNING), "noise\n")
    shown.task_finished(make_task("train", State.SUCCEEDED))
    shown.run_finished(finished_run, [make_task("train", State.SUCCEEDED), make_task("notify", State.CACHED)])
    assert stream.getvalue().splitlines() == [
        f"run {finished_run.id}: forecasting, 5 tasks",
        "train: started",
        "train: epoch 1/9  loss 0.5",
        "train: succeeded in 1.5 s",
        f"run {finished_run.id}: succeeded after 12.0 s, 1 succeeded, 1 cached",
    ]


def test_progress_lines_are_throttled_but_the_last_is_always_shown(make_task: MakeTask) -> None:
    stream = io.StringIO()
    lines = EventLines(stream, every=3600)
    for step in range(1, 101):
        lines.task_progress(make_task("train", State.RUNNING), {"what": "epoch", "step": step, "total": 100})
        lines.task_progress(make_task("other", State.RUNNING), {"what": "row", "step": step})
    assert stream.getvalue().splitlines() == ["train: epoch 1/100", "other: row 1", "train: epoch 100/100"]


def test_a_second_start_of_a_task_is_its_second_attempt(make_task: MakeTask) -> None:
    stream = io.StringIO()
    lines = EventLines(stream)
    for _ in range(2):
        lines.task_started(make_task("train", State.RUNNING))
    assert stream.getvalue().splitlines() == ["train: started", "train: started (attempt 2)"]


@pytest.mark.parametrize(
    ("state", "values", "words"),
    [
        (State.CACHED, {"reused_from": "run-0/train"}, "cached, taken from run-0/train"),
        (State.SKIPPED, {}, "skipped"),
        (State.FAILED, {"error": "\nValueError: no\nmore"}, "failed after 1.5 s: ValueError: no"),
        (State.INTERRUPTED, {}, "interrupted after 1.5 s"),
    ],
    ids=["cached", "skipped", "failed", "interrupted"],
)
def test_outcome_in_words(make_task: MakeTask, state: State, values: dict[str, str], words: str) -> None:
    assert outcome(make_task("train", state, **values)) == words


def _drawn(board: Board) -> list[str]:
    return [f"{'.' * depth}{node.name} {node.state}" for depth, node in board.lines()]


def test_the_board_shows_the_whole_static_graph_before_anything_ran(forecasting: Pipeline) -> None:
    board = Board()
    board.expect(forecasting)
    names = ["ingest", "train", "evaluate", "for-loop-2", "notify"]
    assert _drawn(board) == [f"{name} pending" for name in names]


def test_too_many_lines_lose_the_finished_first_and_never_what_runs() -> None:
    nodes = [Node(str(i)) for i in range(10)]
    board = Board()
    board.root.children = {node.name: node for node in nodes}
    kept, left_out = fit(board.lines(), 4)
    assert ([node.name for _, node in kept], left_out) == (["0", "1", "2", "3"], 6)


def _encoded(encoding: str, errors: str = "strict") -> tuple[io.TextIOWrapper, io.BytesIO]:
    content = io.BytesIO()
    return io.TextIOWrapper(content, encoding, errors, write_through=True), content


@pytest.mark.parametrize("live", [True, False], ids=["tree", "lines"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_without_unicode_gets_plain_characters(
    forecasting: Pipeline, make_task: MakeTask, finished_run: RunRecord, encoding: str, live: bool
) -> None:
    stream, content = _encoded(encoding)
    shown = Progress(stream, live=live)
    shown.run_started(dataclasses.replace(finished_run, finished=None), forecasting)
    shown.task_started(make_task("train", State.RUNNING))
    shown.task_progress(make_task("train", State.RUNNING), {"what": "épisode …", "step": 1, "total": 3})
    shown.task_finished(make_task("train", State.FAILED, error="ValueError: größer → “more”" + "!" * 200))
    shown.run_finished(dataclasses.replace(finished_run, finished=None), [make_task("train", State.FAILED)])
    text = content.getvalue().decode(encoding)
    assert "failed" in text
    assert ("größer → “more”" in text) == (encoding == "utf-8")
    assert ("größer > ?more?" in text) == (encoding == "latin-1")


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "größer."), ("utf-8", "größer…")])
def test_the_command_line_prints_what_its_output_can_show(tmp_path: Path, encoding: str, shown: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local_runner", "runs", "list", "--root", "größer…"], cwd=tmp_path, capture_output=True,
        check=False, env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert (done.stdout.decode(encoding).strip(), done.returncode) == (f"no runs in {shown}", 0)


def _loop_board(forecasting: Pipeline, make_task: MakeTask, states: list[State]) -> Board:
    board = Board()
    board.expect(forecasting)
    items = list(range(1_000))
    board.update(make_task("for-loop-2", State.RUNNING, parameters={"items": items}))
    for index, state in enumerate(states):
        board.update(make_task(f"for-loop-2/{index}/score", state))
    return board


def test_a_loop_unfolds_running_and_failed_iterations_and_counts_the_rest(
    forecasting: Pipeline, make_task: MakeTask
) -> None:
    states = [State.SUCCEEDED] * 900 + [State.FAILED, State.RUNNING, State.RUNNING]
    board = _loop_board(forecasting, make_task, states)
    loop = _drawn(board)[3:-1]
    assert loop == [
        "for-loop-2 running",
        ".iteration 900 failed", "..score failed",
        ".iteration 901 running", "..score running",
        ".iteration 902 running", "..score running",
    ]  # fmt: skip
    assert iterations(board.at("for-loop-2")) == "901 of 3 iterations done, 2 running, 1 failed"


def test_a_loop_over_a_parameter_knows_how_many_iterations_come(forecasting: Pipeline, make_task: MakeTask) -> None:
    board = _loop_board(forecasting, make_task, [State.SUCCEEDED])
    node = board.at("for-loop-2")
    assert node.loop is not None
    node.loop = dataclasses.replace(node.loop, source="items", items=())
    assert iterations(node) == "1 of 1,000 iterations done"


def test_a_terminal_is_drawn_on_and_a_dumb_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setenv("TERM", "xterm")
        assert can_redraw(stream)
        monkeypatch.setenv("TERM", "dumb")
        assert not can_redraw(stream)
    os.close(ours)
