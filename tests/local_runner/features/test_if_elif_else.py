"""dsl.If, dsl.Elif, dsl.Else: one branch runs, the tasks of the others are skipped."""

import pytest
from kfp import dsl


@pytest.mark.parametrize(
    ("n", "branch"), [(9, "high"), (3, "three"), (1, "low"), (-4, "low")], ids=["if", "elif", "else", "negative"]
)
def test_one_branch_runs_and_the_others_are_skipped(execute, parts, n, branch):
    @dsl.pipeline
    def pipeline(n: int):
        with dsl.If(n > 5):
            parts.echo(text="high")
        with dsl.Elif(n == 3):
            parts.echo(text="three")
        with dsl.Else():
            parts.echo(text="low")

    run = execute(pipeline, {"n": n})
    leaves = [task for task in run.tasks.values() if task.kind == "python"]
    groups = [task.state.value for task in run.tasks.values() if "condition-" in task.name and "/" in task.path]
    assert [task.outputs["Output"] for task in leaves] == [branch]
    assert sorted(groups) == ["skipped", "skipped", "succeeded"]


@pytest.mark.parametrize(
    ("given", "compare", "taken"),
    [
        ("b", lambda a: a > "a", True),
        ("b", lambda a: a <= "a", False),
        ("10", lambda a: a < "9", True),
        ("", lambda a: a == "", True),
        ("true", lambda a: a == "true", True),
        ("{{x}}", lambda a: a == "{{x}}", True),
    ],
    ids=["greater", "not-lesser", "as-text", "empty", "word", "braces"],
)
def test_strings_are_compared_as_strings(execute, parts, given, compare, taken):
    @dsl.pipeline
    def pipeline(a: str):
        with dsl.If(compare(a)):
            parts.echo(text="taken")

    run = execute(pipeline, {"a": given})
    assert run.tasks["condition-1"].state == ("succeeded" if taken else "skipped")


@pytest.mark.parametrize(("flag", "expected"), [(True, "yes"), (False, "no")])
def test_a_boolean_made_by_a_task(execute, parts, values, flag, expected):
    @dsl.component(base_image="python:3.11")
    def decide(flag: bool) -> bool:
        return flag

    @dsl.pipeline
    def pipeline(flag: bool):
        decision = decide(flag=flag)
        with dsl.If(decision.output == True):  # noqa: E712  (KFP compiles the comparison)
            parts.echo(text="yes")
        with dsl.Else():
            parts.echo(text="no")

    assert values(execute(pipeline, {"flag": flag}), "echo" if flag else "echo-2") == [expected]


def test_a_condition_inside_a_branch_is_read_only_when_the_branch_is_taken(execute, parts, states):
    @dsl.pipeline
    def pipeline(n: int):
        with dsl.If(n > 0):
            more = parts.add(a=n, b=10)
            with dsl.If(more.output > 15):
                parts.echo(text="large")
            with dsl.Else():
                parts.echo(text="small")

    found = states(execute(pipeline, {"n": 1}))
    assert [found[path] for path in found if path.endswith("echo-2")] == ["succeeded"]
    assert states(execute(pipeline, {"n": 0})) == {"condition-1": "skipped"}


def test_a_task_after_a_skipped_branch_is_no_failure(execute, parts):
    @dsl.pipeline
    def pipeline(n: int = 0):
        with dsl.If(n > 0):
            parts.echo(text="never")
        parts.add(a=n, b=1)

    run = execute(pipeline)
    assert (run.state, run.tasks["add"].outputs) == ("succeeded", {"Output": 1})
