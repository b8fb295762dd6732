"""``.set_retry``: on tasks, nested pipelines and loops, with a growing wait."""

import pytest
from kfp import dsl

from local_runner.plan import Retry


@pytest.mark.parametrize(("retries", "state"), [(2, "succeeded"), (1, "failed"), (0, "failed")])
def test_a_task_is_tried_as_often_as_it_may(execute, parts, tmp_path, retries, state):
    @dsl.pipeline
    def pipeline(file: str):
        parts.fail_until(file=file, times=3).set_retry(num_retries=retries, backoff_duration="0s")

    run = execute(pipeline, {"file": str(tmp_path / "tries")})
    assert run.state == state
    assert len((tmp_path / "tries").read_text()) == min(retries + 1, 3)


def test_each_try_has_a_fresh_folder_and_the_last_one_counts(execute, parts, tmp_path):
    @dsl.pipeline
    def pipeline(file: str) -> int:
        return parts.fail_until(file=file, times=3).set_retry(num_retries=2, backoff_duration="0s").output

    run = execute(pipeline, {"file": str(tmp_path / "tries")})
    task = run.tasks["fail-until"]
    assert (run.outputs, task.attempt, task.folder.name) == ({"Output": 3}, 2, "fail-until~3")
    assert sorted(folder.name for folder in task.folder.parent.iterdir()) == [
        "fail-until",
        "fail-until~2",
        "fail-until~3",
    ]


def test_the_last_error_is_the_one_that_is_told(execute, parts, tmp_path):
    @dsl.pipeline
    def pipeline(file: str):
        parts.fail_until(file=file, times=9).set_retry(num_retries=1, backoff_duration="0s")

    assert execute(pipeline, {"file": str(tmp_path / "tries")}).tasks["fail-until"].error == "RuntimeError: try 2"


def test_a_nested_pipeline_is_tried_again_whole(execute, parts, tmp_path):
    @dsl.pipeline
    def inner(file: str, other: str) -> int:
        parts.fail_until(file=other, times=1)
        return parts.fail_until(file=file, times=2).output

    @dsl.pipeline
    def pipeline(file: str, other: str) -> int:
        return inner(file=file, other=other).set_retry(num_retries=1, backoff_duration="0s").output

    run = execute(pipeline, {"file": str(tmp_path / "a"), "other": str(tmp_path / "b")})
    assert (run.state, run.outputs) == ("succeeded", {"Output": 2})
    assert len((tmp_path / "b").read_text()) == 2


def test_the_wait_grows_up_to_its_limit():
    retry = Retry(times=5, wait=10, factor=3, longest=60)
    assert [retry.delay(attempt) for attempt in range(4)] == [10, 30, 60, 60]


def test_what_the_pipeline_asks_for_is_what_is_planned(execute, parts, monkeypatch):
    @dsl.pipeline
    def pipeline():
        parts.fail().set_retry(num_retries=2, backoff_duration="1s", backoff_factor=4.0, backoff_max_duration="3s")

    slept = []
    now = [0.0]

    def sleep(seconds):
        slept.append(round(seconds))
        now[0] += seconds

    monkeypatch.setattr("local_runner.scheduler.time", type("Clock", (), {"sleep": sleep, "monotonic": lambda: now[0]}))
    execute(pipeline)
    assert slept == [1, 3]
