"""A pipeline used as a component of another."""

from typing import NamedTuple

from kfp import dsl


def test_the_same_one_twice(execute, parts, states):
    @dsl.pipeline
    def inner(text: str = "default") -> str:
        return parts.echo(text=f"<{text}>").output

    @dsl.pipeline
    def pipeline() -> str:
        first = inner(text="a")
        second = inner()
        return parts.echo(text=f"{first.output}{second.output}").output

    run = execute(pipeline)
    assert run.outputs == {"Output": "<a><default>"}
    assert {"inner/echo", "inner-2/echo"} <= set(states(run))


def test_only_artifact_inputs(execute, parts):
    @dsl.pipeline
    def inner(data: dsl.Input[dsl.Dataset]) -> str:
        return parts.read(data=data).output

    @dsl.pipeline
    def pipeline() -> str:
        return inner(data=parts.write(text="hello").outputs["out"]).output

    assert execute(pipeline).outputs == {"Output": "hello"}


def test_a_parameter_and_an_artifact_come_out(execute, parts):
    outputs = NamedTuple("Outputs", length=int, data=dsl.Dataset)  # noqa: UP014  (KFP reads the call form)

    @dsl.pipeline
    def inner(text: str) -> outputs:
        length = parts.add(a=2, b=2)
        return outputs(length=length.output, data=parts.write(text=text).outputs["out"])

    @dsl.pipeline
    def pipeline() -> str:
        made = inner(text="inside")
        read = parts.read(data=made.outputs["data"])
        return parts.echo(text=f"{read.output} {made.outputs['length']}").output

    assert execute(pipeline).outputs == {"Output": "inside 4"}


def test_three_deep(execute, parts):
    @dsl.pipeline
    def lowest(n: int) -> int:
        return parts.add(a=n, b=1).output

    @dsl.pipeline
    def middle(n: int = 10) -> int:
        return parts.add(a=lowest(n=n).output, b=lowest(n=100).output).output

    @dsl.pipeline
    def pipeline(n: int) -> int:
        return middle(n=n).output

    run = execute(pipeline, {"n": 1})
    assert run.outputs == {"Output": 103}
    assert run.tasks["middle/lowest-2/add"].outputs == {"Output": 101}


def test_nothing_of_it_runs_when_its_condition_is_false(execute, parts, states):
    @dsl.pipeline
    def inner():
        parts.echo(text="never")

    @dsl.pipeline
    def pipeline(n: int = 0):
        with dsl.If(n == 1):
            inner()

    assert states(execute(pipeline)) == {"condition-1": "skipped"}
