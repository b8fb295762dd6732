"""Parts of a pipeline: from a task on, one task alone, and what a resume keeps."""

import pytest
from kfp import compiler, dsl

from local_runner import api, partial, plan
from local_runner.errors import UsageError
from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def add(a: int, b: int) -> int:
    return a + b


@pytest.mark.parametrize(
    ("from_task", "only_task", "expected"),
    [
        ("add-2", None, {"add": "cached", "add-2": "succeeded", "add-3": "succeeded"}),
        (None, "add-2", {"add": "cached", "add-2": "succeeded", "add-3": "skipped"}),
    ],
    ids=["from", "only"],
)
def test_a_part_of_a_pipeline(execute, states, tmp_path, from_task, only_task, expected):
    @dsl.pipeline(name="parts")
    def pipeline():
        add(a=add(a=add(a=1, b=2).output, b=3).output, b=4)

    planned = plan.read(execute(pipeline).record.spec)
    reuse, skip, fresh = partial.choose(planned, tmp_path / "runs", from_task, only_task)
    run = api.run(pipeline, root=tmp_path / "runs", options=api.Options(skip=skip, no_cache=fresh), reuse=reuse)
    assert states(run) == expected


def test_a_part_of_a_pipeline_that_never_ran_is_refused(tmp_path):
    @dsl.pipeline(name="parts")
    def pipeline():
        add(a=1, b=2)

    compiler.Compiler().compile(pipeline, str(tmp_path / "p.yaml"))
    planned = plan.read(tmp_path / "p.yaml")
    with pytest.raises(UsageError, match="no earlier run of parts"):
        partial.choose(planned, tmp_path / "runs", "add", None)
    with pytest.raises(UsageError, match="did you mean add"):
        partial.choose(planned, tmp_path / "runs", "ad", None)


def test_resume_keeps_finished_tasks(execute, tmp_path):
    @dsl.component(base_image=IMAGE)
    def once(file: str) -> int:
        import os

        if os.path.exists(file):  # noqa: PTH110
            raise RuntimeError("a second time")
        open(file, "w").close()  # noqa: PTH123
        return 1

    @dsl.component(base_image=IMAGE)
    def needs(file: str, n: int) -> int:
        with open(file) as stream:  # noqa: PTH123
            return n + int(stream.read())

    @dsl.pipeline
    def pipeline(folder: str) -> int:
        return needs(file=f"{folder}/number", n=once(file=f"{folder}/once").output).output

    run = execute(pipeline, {"folder": str(tmp_path)}, cache=False)
    assert run.state == State.FAILED
    (tmp_path / "number").write_text("41")
    again = api.resume(run.id, root=tmp_path / "runs")
    assert (again.outputs, again.id) == ({"Output": 42}, run.id)
    with pytest.raises(UsageError, match="already succeeded"):
        api.resume("latest", root=tmp_path / "runs")
