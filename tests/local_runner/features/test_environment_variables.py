"""``.set_env_variable``: set for its task alone, also with placeholders."""

import os

from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def variable(name: str) -> str:
    import os

    return os.environ.get(name, "unset")


def test_it_holds_for_its_task_alone(execute):
    @dsl.pipeline
    def pipeline():
        variable(name="TANDEM_TEST").set_env_variable("TANDEM_TEST", "set").set_caching_options(False)
        variable(name="TANDEM_TEST").set_caching_options(False)

    run = execute(pipeline)
    assert [run.tasks[name].outputs["Output"] for name in ("variable", "variable-2")] == ["set", "unset"]
    assert "TANDEM_TEST" not in os.environ


def test_a_variable_of_the_machine_is_overridden_and_comes_back(execute, monkeypatch):
    monkeypatch.setenv("TANDEM_TEST", "machine")

    @dsl.pipeline
    def pipeline():
        variable(name="TANDEM_TEST").set_env_variable("TANDEM_TEST", "task")

    assert execute(pipeline).tasks["variable"].outputs == {"Output": "task"}
    assert os.environ["TANDEM_TEST"] == "machine"


def test_a_placeholder_in_a_value_is_filled_in(execute):
    @dsl.pipeline(name="placed")
    def pipeline():
        variable(name="WHERE").set_env_variable("WHERE", f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}:it's")

    assert execute(pipeline).tasks["variable"].outputs == {"Output": "placed:it's"}


def test_another_value_is_no_cache_hit(execute, states):
    def pipeline_with(value):
        @dsl.pipeline(name="one")
        def pipeline():
            variable(name="TANDEM_TEST").set_env_variable("TANDEM_TEST", value)

        return pipeline

    found = [states(execute(pipeline_with(value)))["variable"] for value in ("a", "b", "a")]
    assert found == ["succeeded", "succeeded", "cached"]


def test_a_command_sees_it(execute):
    @dsl.container_component
    def told(out: dsl.OutputPath(str)):
        return dsl.ContainerSpec("alpine", ["sh", "-c", 'printf "%s" "$GREETING" > "$0"', out])

    @dsl.pipeline
    def pipeline() -> str:
        return told().set_env_variable("GREETING", "hi").output

    assert execute(pipeline, allow_host_commands=True).outputs == {"Output": "hi"}
