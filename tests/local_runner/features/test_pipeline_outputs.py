"""What a pipeline returns: one value, several by name, artifacts; and what tasks leave by path or as metrics."""

# ruff: noqa: PTH123, UP014  (components are plain on purpose; KFP reads NamedTuple's call form)

from typing import NamedTuple

from kfp import dsl

IMAGE = "python:3.11"
Outputs = NamedTuple("Outputs", [("length", int), ("text", str), ("data", dsl.Dataset)])


@dsl.component(base_image=IMAGE)
def by_path(text: str, written: dsl.OutputPath(int), data: dsl.OutputPath("Dataset")):
    with open(written, "w") as stream:
        stream.write(str(len(text)))
    with open(data, "w") as stream:
        stream.write(text)


@dsl.component(base_image=IMAGE)
def several() -> NamedTuple("Outputs", [("a", int), ("b", str)]):
    from collections import namedtuple

    return namedtuple("Outputs", ["a", "b"])(1, "two")


@dsl.component(base_image=IMAGE)
def score(metrics: dsl.Output[dsl.Metrics], classes: dsl.Output[dsl.ClassificationMetrics]):
    metrics.log_metric("rmse", 0.5)
    classes.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])


@dsl.component(base_image=IMAGE)
def wrong() -> int:
    return "not a number"


def test_values_and_artifacts_by_name(execute, parts):
    @dsl.pipeline
    def pipeline() -> Outputs:
        made = by_path(text="four")
        return Outputs(made.outputs["written"], parts.read(data=made.outputs["data"]).output, made.outputs["data"])

    outputs = execute(pipeline).outputs
    assert (outputs["length"], outputs["text"]) == (4, "four")
    assert (outputs["data"].type, outputs["data"].path.read_text()) == ("system.Dataset", "four")


def test_named_outputs_of_a_component(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        made = several()
        return parts.echo(text=f"{made.outputs['a']}{made.outputs['b']}").output

    assert execute(pipeline).outputs == {"Output": "1two"}


def test_metrics_are_recorded(execute):
    found = execute(score).tasks["score"].artifacts
    assert found["metrics"][0].metadata == {"rmse": 0.5}
    assert found["classes"][0].metadata["confusionMatrix"]["rows"] == [{"row": [1, 2]}, {"row": [3, 4]}]


def test_a_failed_pipeline_has_no_outputs(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        parts.fail()
        return parts.echo(text="fine").output

    assert execute(pipeline).outputs == {}


def test_an_output_of_another_type_fails_its_task(execute):
    run = execute(wrong)
    assert run.state == "failed"
    assert "returned value of type <class 'str'>; want type <class 'int'>" in str(run.error)
