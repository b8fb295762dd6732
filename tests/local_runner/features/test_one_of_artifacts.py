"""dsl.OneOf of artifacts: the artifact of whichever branch ran, with its metadata."""

import pytest
from kfp import dsl

TAKE = pytest.mark.parametrize(("take", "text"), [("a", "first"), ("b", "the second"), ("c", "third!")])


def choose(parts, take):
    """Three branches, each of which writes another text."""
    with dsl.If(take == "a"):
        first = parts.write(text="first")
    with dsl.Elif(take == "b"):
        second = parts.write(text="the second")
    with dsl.Else():
        third = parts.write(text="third!")
    return dsl.OneOf(first.outputs["out"], second.outputs["out"], third.outputs["out"])


@TAKE
def test_a_task_takes_the_artifact_of_the_branch_that_ran(execute, parts, values, take, text):
    @dsl.pipeline
    def pipeline(take: str) -> str:
        chosen = choose(parts, take)
        parts.metadata(data=chosen)
        return parts.read(data=chosen).output

    run = execute(pipeline, {"take": take})
    assert run.outputs == {"Output": text}
    assert values(run, "metadata") == [{"length": len(text)}]


@TAKE
def test_a_pipeline_returns_the_artifact_of_the_branch_that_ran(execute, parts, take, text):
    @dsl.pipeline
    def pipeline(take: str) -> dsl.Dataset:
        return choose(parts, take)

    artifact = execute(pipeline, {"take": take}).outputs["Output"]
    assert (artifact.path.read_text(), artifact.metadata) == (text, {"length": len(text)})
