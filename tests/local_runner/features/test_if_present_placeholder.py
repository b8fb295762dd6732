"""dsl.IfPresentPlaceholder: words of a command that depend on whether an input was given."""

import pytest
from kfp import dsl


@dsl.container_component
def say(name: str = None):  # noqa: RUF013  (KFP reads no unions here)
    given = dsl.IfPresentPlaceholder("name", then=["--name", name], else_=["--nobody"])
    return dsl.ContainerSpec("alpine", ["echo"], [given, "end"])


@dsl.container_component
def say_or_nothing(name: str = None):  # noqa: RUF013
    given = dsl.IfPresentPlaceholder("name", then=dsl.ConcatPlaceholder(["--name=", name]))
    return dsl.ContainerSpec("alpine", ["echo"], [given, "end"])


@dsl.container_component
def say_with_data(data: dsl.Input[dsl.Dataset] = None):
    return dsl.ContainerSpec("alpine", ["echo"], [dsl.IfPresentPlaceholder("data", then="some", else_="none")])


@pytest.mark.parametrize(
    ("component", "arguments", "expected"),
    [
        (say, {"name": "a b"}, "--name a b end\n"),
        (say, {}, "--nobody end\n"),
        (say, {"name": ""}, "--name  end\n"),
        (say_or_nothing, {"name": "x"}, "--name=x end\n"),
        (say_or_nothing, {}, "end\n"),
    ],
    ids=["given", "absent", "given-empty", "given-without-else", "absent-without-else"],
)
def test_a_parameter(execute, component, arguments, expected):
    run = execute(component, arguments, allow_host_commands=True)
    (task,) = run.tasks.values()
    assert task.log.read_text() == expected


@pytest.mark.parametrize(("given", "expected"), [(True, "some\n"), (False, "none\n")])
def test_an_artifact(execute, parts, given, expected):
    @dsl.pipeline
    def pipeline():
        if given:
            say_with_data(data=parts.write(text="x").outputs["out"])
        else:
            say_with_data()

    assert execute(pipeline, allow_host_commands=True).tasks["say-with-data"].log.read_text() == expected
