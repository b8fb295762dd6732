"""Time limits: for one task or for all, in this process or in another, and per attempt."""

import pytest
from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def nap(seconds: float = 60.0):
    import time

    time.sleep(seconds)


@pytest.mark.parametrize("name", ["", "nap"], ids=["all", "one"])
@pytest.mark.parametrize("isolate", [(), ("nap",)], ids=["here", "isolated"])
def test_a_task_over_its_time_is_stopped(execute, parts, name, isolate):
    @dsl.pipeline
    def pipeline():
        nap()
        parts.echo(text="unhurt")

    run = execute(pipeline, timeout={name: 0.3}, isolate=isolate)
    assert run.tasks["nap"].error == "TaskTimeoutError: the task ran longer than the 0.3 s it was allowed"
    assert run.tasks["echo"].state == "succeeded"


def test_the_limit_of_one_task_is_not_that_of_another(execute, states):
    @dsl.pipeline
    def pipeline():
        nap(seconds=0.2).set_display_name("short")
        nap(seconds=0.3)

    assert states(execute(pipeline, timeout={"nap-2": 0.05})) == {"nap": "succeeded", "nap-2": "failed"}


def test_each_attempt_has_the_whole_time(execute, tmp_path):
    @dsl.component(base_image=IMAGE)
    def slow_once(file: str) -> str:
        import os
        import time

        if not os.path.exists(file):  # noqa: PTH110
            open(file, "w").close()  # noqa: PTH123
            time.sleep(60)
        return "done"

    @dsl.pipeline
    def pipeline(file: str) -> str:
        return slow_once(file=file).set_retry(num_retries=1, backoff_duration="0s").output

    assert execute(pipeline, {"file": str(tmp_path / "tried")}, timeout={"": 0.4}).outputs == {"Output": "done"}


@pytest.mark.parametrize("host", [True, False], ids=["host", "engine"])
def test_a_command_over_its_time_is_ended(execute, monkeypatch, tmp_path, host):
    engine = tmp_path / "bin" / "podman"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\nexec sleep 60\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")

    @dsl.container_component
    def sleeper():
        return dsl.ContainerSpec("alpine", ["sleep"], ["60"])

    @dsl.pipeline
    def pipeline():
        sleeper()

    run = execute(pipeline, timeout={"": 0.3}, allow_host_commands=host)
    assert "0.3 s it was allowed" in run.tasks["sleeper"].error
