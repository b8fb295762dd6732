"""``.ignore_upstream_failure()``: the task runs however its upstream tasks end."""

import pytest
from kfp import dsl

IMAGE = "python:3.11"


@pytest.mark.parametrize("good", [True, False], ids=["succeeds", "fails"])
def test_a_task_without_data_from_upstream(execute, parts, good):
    @dsl.pipeline
    def pipeline():
        first = parts.echo(text="fine") if good else parts.fail()
        parts.add(a=1, b=2).after(first).ignore_upstream_failure()

    run = execute(pipeline)
    assert run.state == ("succeeded" if good else "failed")
    assert run.tasks["add"].outputs == {"Output": 3}


@pytest.mark.parametrize(("good", "expected"), [(True, "fine"), (False, "")], ids=["succeeds", "fails"])
def test_a_data_input_has_its_default_when_its_producer_failed(execute, parts, good, expected):
    @dsl.pipeline
    def pipeline():
        first = parts.echo(text="fine") if good else parts.fail()
        parts.echo(text=first.output).ignore_upstream_failure().set_display_name("last")

    run = execute(pipeline)
    assert list(run.tasks.values())[-1].outputs == {"Output": expected}


def test_each_data_input_has_its_own_default(execute, parts):
    @dsl.component(base_image=IMAGE)
    def needs(text: str = "default", more: str = "more") -> str:
        return text + more

    @dsl.pipeline
    def pipeline():
        needs(text=parts.fail().output, more=parts.echo(text="given").output).ignore_upstream_failure()

    assert execute(pipeline).tasks["needs"].outputs == {"Output": "defaultgiven"}


def test_it_may_ask_for_the_status_of_its_upstream_task(execute, parts):
    @dsl.component(base_image=IMAGE)
    def report(status: dsl.PipelineTaskFinalStatus) -> str:
        return f"{status.state} {status.pipeline_task_name} {status.error_message}"

    @dsl.pipeline
    def inner():
        parts.fail(text="deep")

    @dsl.pipeline
    def pipeline():
        report().after(inner()).ignore_upstream_failure()

    assert execute(pipeline).tasks["report"].outputs == {"Output": "FAILED inner deep"}


def test_what_follows_it_runs_too(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        first = parts.fail()
        second = parts.echo(text="cleanup").after(first).ignore_upstream_failure()
        parts.add(a=1, b=1).after(second)
        parts.add(a=2, b=2).after(first)

    found = states(execute(pipeline))
    assert (found["add"], found["add-2"]) == ("succeeded", "skipped")
