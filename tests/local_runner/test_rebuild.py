"""A store whose database was damaged opens, shows its runs, and resumes."""

from pathlib import Path

import pytest
from kfp import dsl

from local_runner import api
from local_runner.records import State
from local_runner.store import Store


@dsl.component(base_image="python:3.11")
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image="python:3.11")
def needs(file: str, n: int) -> int:
    with open(file) as stream:  # noqa: PTH123
        return n + int(stream.read())


@dsl.pipeline(name="damaged")
def pipeline(file: str) -> int:
    return needs(file=file, n=add(a=1, b=2).output).output


def cut(database: Path, where: str) -> None:
    content = database.read_bytes()
    kept = {"half": content[: len(content) // 2], "header": content[:50], "garbage": b"x" * len(content)}[where]
    database.write_bytes(kept)


@pytest.mark.parametrize("where", ["half", "header", "garbage"])
def test_a_damaged_database_is_made_again_from_the_folders(execute, tmp_path, where):
    run = execute(pipeline, {"file": str(tmp_path / "n")}, cache=False)
    assert run.state == State.FAILED
    cut(tmp_path / "runs" / "store.sqlite", where)
    with Store(tmp_path / "runs") as store:
        assert [(found.id, found.state) for found in store.runs()] == [(run.id, State.FAILED)]
        assert {task.path: task.state for task in store.tasks(run.id)}["add"] == State.SUCCEEDED
    assert list((tmp_path / "runs").glob("store.sqlite.damaged-*"))
    (tmp_path / "n").write_text("4")
    again = api.resume(run.id, root=tmp_path / "runs")
    assert again.outputs == {"Output": 7}
    assert again.tasks["add"].finished == run.tasks["add"].finished


def test_a_task_whose_record_was_cut_off_counts_as_not_done(execute, tmp_path):
    run = execute(pipeline, {"file": str(tmp_path / "n")}, cache=False)
    records = run.folder / "records.jsonl"
    lines = records.read_text().splitlines()
    (own,) = (number for number, line in enumerate(lines) if '"path": "add"' in line)
    lines[own] = lines[own][:40]
    records.write_text("\n".join(lines))
    cut(tmp_path / "runs" / "store.sqlite", "garbage")
    with Store(tmp_path / "runs") as store:
        assert [task.path for task in store.tasks(run.id)] == ["needs"]
