"""Exit handlers, ignore_upstream_failure, retries and what a failure means for the tasks that wait."""

from kfp import dsl

from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def fail(text: str = "on purpose"):
    raise RuntimeError(text)


@dsl.component(base_image=IMAGE)
def echo(text: str = "") -> str:
    return text


@dsl.component(base_image=IMAGE)
def later():
    pass


@dsl.component(base_image=IMAGE)
def report(status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{status.state} {status.pipeline_task_name} {status.error_message}"


@dsl.component(base_image=IMAGE)
def fail_until(file: str, times: int) -> int:
    with open(file, "a") as stream:  # noqa: PTH123
        stream.write("x")
    with open(file) as stream:  # noqa: PTH123
        tries = len(stream.read())
    if tries < times:
        raise RuntimeError(f"try {tries}")
    return tries


def test_an_exit_task_sees_a_failure(execute, states):
    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(report()):
            fail()

    run = execute(pipeline)
    assert run.state == State.FAILED
    assert states(run) == {"exit-handler-1": "failed", "exit-handler-1/fail": "failed", "report": "succeeded"}
    assert run.tasks["report"].outputs == {"Output": "FAILED exit-handler-1 on purpose"}


def test_an_exit_task_sees_a_success(execute):
    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(report()):
            echo(text="fine")

    run = execute(pipeline)
    assert run.state == State.SUCCEEDED
    assert run.tasks["report"].outputs == {"Output": "SUCCEEDED exit-handler-1 None"}


def test_a_nested_pipeline_may_be_the_exit_task(execute):
    @dsl.pipeline
    def tidy():
        echo(text="tidy")

    @dsl.pipeline
    def pipeline():
        with dsl.ExitHandler(tidy()):
            fail()

    assert execute(pipeline).tasks["tidy/echo"].state == State.SUCCEEDED


def test_tasks_behind_a_failure_are_skipped_and_others_run(execute, states):
    @dsl.pipeline
    def pipeline():
        first = fail()
        second = echo(text="never").after(first)
        echo(text="never either").after(second)
        echo(text="independent")

    run = execute(pipeline)
    assert states(run) == {"fail": "failed", "echo": "skipped", "echo-2": "skipped", "echo-3": "succeeded"}
    assert run.tasks["echo-2"].error == "task echo did not run"


def test_fail_fast_begins_nothing_new(execute, states):
    @dsl.pipeline
    def pipeline():
        first = fail()
        echo(text="cleanup").after(first).ignore_upstream_failure()
        later()

    assert states(execute(pipeline, fail_fast=True)) == {"fail": "failed", "echo": "succeeded", "later": "skipped"}


def test_a_task_is_tried_again_with_a_fresh_folder(execute, tmp_path):
    @dsl.pipeline
    def pipeline(file: str) -> int:
        return fail_until(file=file, times=3).set_retry(num_retries=2, backoff_duration="0s").output

    run = execute(pipeline, {"file": str(tmp_path / "tries")})
    task = run.tasks["fail-until"]
    assert (run.outputs, task.attempt, task.folder.name) == ({"Output": 3}, 2, "fail-until~3")


def test_retries_end(execute, tmp_path):
    @dsl.pipeline
    def pipeline(file: str):
        fail_until(file=file, times=9).set_retry(num_retries=1, backoff_duration="0s")

    assert execute(pipeline, {"file": str(tmp_path / "tries")}).tasks["fail-until"].error == "RuntimeError: try 2"


def test_a_failed_iteration_fails_the_loop_and_the_others_run(execute):
    @dsl.component(base_image=IMAGE)
    def odd_fails(n: int):
        if n % 2:
            raise RuntimeError(str(n))

    @dsl.pipeline
    def pipeline():
        with dsl.ParallelFor([0, 1, 2, 3]) as item:
            odd_fails(n=item)

    run = execute(pipeline)
    found = [task.state for task in run.tasks.values() if task.name == "odd-fails"]
    assert found == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.FAILED]
    assert str(run.error) == "1"
