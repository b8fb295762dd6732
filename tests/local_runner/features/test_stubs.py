"""``--stub NAME=VALUE``: a value stands for what a task, or every task of a component, would return."""

import pytest
from kfp import dsl

from local_runner.errors import PlanError


@dsl.container_component
def remote(out: dsl.OutputPath(int), data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec("gcr.io/none/none", ["never"], [out, data.path])


@pytest.mark.parametrize(
    ("stubs", "expected"),
    [({"add": 100}, 103), ({"add-2": 7}, 7), ({"comp-add": 5}, 8)],
    ids=["by-task", "by-second-task", "by-component"],
)
def test_it_stands_for_a_task(execute, parts, stubs, expected):
    @dsl.pipeline
    def pipeline() -> int:
        return parts.add(a=parts.add(a=1, b=2).output, b=3).output

    run = execute(pipeline, stubs=stubs)
    assert run.outputs == {"Output": expected}
    assert "stub" in {task.kind for task in run.tasks.values()}


def test_it_stands_for_each_output_of_a_task_that_cannot_run_here(execute, parts, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "data").write_text("from a stub")

    @dsl.pipeline
    def pipeline() -> str:
        made = remote()
        return parts.echo(text=f"{made.outputs['out']} {parts.read(data=made.outputs['data']).output}").output

    stubs = {"remote": {"out": 4, "data": str(tmp_path / "data")}}
    assert execute(pipeline, stubs=stubs).outputs == {"Output": "4 from a stub"}


def test_one_value_for_two_outputs_fails_and_says_what_is_expected(execute, tmp_path):
    run = execute(remote, stubs={"remote": 1})
    assert (run.state, "expected a mapping with out, data" in str(run.error)) == ("failed", True)


def test_an_unknown_name_is_refused_with_the_nearest(execute, parts):
    @dsl.pipeline
    def pipeline():
        parts.add(a=1, b=2)

    with pytest.raises(PlanError, match=r"--stub ad: no task or component of that name. did you mean add"):
        execute(pipeline, stubs={"ad": 100})


@pytest.mark.parametrize("wanted", [False, True], ids=["off", "on"])
def test_a_branch_that_is_switched_off_needs_no_stub(execute, parts, tmp_path, monkeypatch, wanted):
    monkeypatch.setenv("PATH", str(tmp_path))

    @dsl.pipeline
    def pipeline(cloud: bool = False):
        with dsl.If(cloud == True):  # noqa: E712
            remote()
        parts.add(a=1, b=2)

    if wanted:
        with pytest.raises(PlanError, match="task remote runs in the container image"):
            execute(pipeline, {"cloud": wanted})
    else:
        run = execute(pipeline, {"cloud": wanted})
        assert run.tasks["condition-1"].state == "skipped"


def test_a_branch_that_a_task_decides_about_is_checked(execute, parts, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    @dsl.pipeline
    def pipeline():
        with dsl.If(parts.add(a=1, b=2).output == 4):
            remote()

    with pytest.raises(PlanError, match="task remote runs in the container image"):
        execute(pipeline)
