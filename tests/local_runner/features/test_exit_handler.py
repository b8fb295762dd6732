"""dsl.ExitHandler: its task runs last however the others end, and may be told how."""

import pytest
from kfp import dsl

from local_runner.errors import UsageError

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def report(status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{status.state} {status.pipeline_task_name} {status.error_message}"


@dsl.component(base_image=IMAGE)
def resource(status: dsl.PipelineTaskFinalStatus) -> str:
    return status.pipeline_job_resource_name


def test_it_sees_a_failure(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(report()):
            parts.fail()

    run = execute(pipeline)
    assert run.state == "failed"
    assert states(run) == {"exit-handler-1": "failed", "exit-handler-1/fail": "failed", "report": "succeeded"}
    assert run.tasks["report"].outputs == {"Output": "FAILED exit-handler-1 on purpose"}


def test_it_sees_a_success(execute, parts):
    @dsl.pipeline(name="handled")
    def pipeline():
        with dsl.ExitHandler(report()):
            parts.echo(text="fine")
        with dsl.ExitHandler(resource()):
            parts.echo(text="fine")

    run = execute(pipeline)
    assert run.tasks["report"].outputs == {"Output": "SUCCEEDED exit-handler-1 None"}
    assert run.tasks["resource"].outputs == {"Output": f"handled-{run.id}"}


def test_it_takes_other_inputs_and_waits_for_all(execute, parts):
    @dsl.pipeline
    def pipeline(text: str = "bye"):
        with dsl.ExitHandler(parts.echo(text=text)):
            first = parts.add(a=1, b=2)
            parts.add(a=first.output, b=3)

    run = execute(pipeline)
    assert list(run.tasks)[-1] == "echo"
    assert run.tasks["echo"].outputs == {"Output": "bye"}


def test_a_nested_pipeline_may_be_the_exit_task(execute, parts):
    @dsl.pipeline
    def tidy():
        parts.echo(text="tidy")

    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(tidy()):
            parts.fail()

    assert execute(pipeline).tasks["tidy/echo"].state == "succeeded"


def test_a_failing_exit_task_fails_the_run(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(parts.fail()):
            parts.echo(text="fine")

    run = execute(pipeline)
    assert (run.state, states(run)["fail"]) == ("failed", "failed")


def test_each_of_two_handlers_sees_its_own_tasks(execute, parts):
    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(report()):
            parts.fail(text="first")
        with dsl.ExitHandler(report()):
            parts.echo(text="fine")

    run = execute(pipeline)
    assert [run.tasks[name].outputs["Output"] for name in ("report", "report-2")] == [
        "FAILED exit-handler-1 first",
        "SUCCEEDED exit-handler-2 None",
    ]


def test_a_status_component_on_its_own_must_be_given_one(execute):
    with pytest.raises(UsageError, match=r"'status' takes the final status of a task.*--param status="):
        execute(report)
    given = {"state": "FAILED", "pipelineTaskName": "train", "error": {"message": "no data"}}
    assert execute(report, {"status": given}).tasks["report"].outputs == {"Output": "FAILED train no data"}
