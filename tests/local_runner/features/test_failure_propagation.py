"""What a failure means for the tasks that wait, and for those that do not."""

from kfp import dsl


def test_tasks_behind_a_failure_are_skipped_and_others_run(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        first = parts.fail()
        second = parts.echo(text="never").after(first)
        parts.echo(text="never either").after(second)
        parts.echo(text="independent")

    run = execute(pipeline)
    assert states(run) == {"fail": "failed", "echo": "skipped", "echo-2": "skipped", "echo-3": "succeeded"}
    assert run.tasks["echo-2"].error == "task echo did not run"


def test_fail_fast_begins_nothing_new(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        first = parts.fail()
        parts.echo(text="cleanup").after(first).ignore_upstream_failure()
        parts.numbers(n=1)

    found = states(execute(pipeline, fail_fast=True))
    assert found == {"fail": "failed", "echo": "succeeded", "numbers": "skipped"}


def test_a_failure_inside_a_nested_pipeline_fails_what_waits_for_it(execute, parts, states):
    @dsl.pipeline
    def inner() -> str:
        return parts.fail().output

    @dsl.pipeline
    def pipeline():
        parts.echo(text=inner().output)

    assert states(execute(pipeline)) == {"inner": "failed", "inner/fail": "failed", "echo": "skipped"}
