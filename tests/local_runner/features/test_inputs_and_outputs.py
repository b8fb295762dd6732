"""Parameters, artifacts, placeholders, importers and nested pipelines: what goes in and what comes out."""

# ruff: noqa: B006, UP014  (components and pipelines are written the way KFP reads them)

from typing import NamedTuple

import pytest
from kfp import dsl

from local_runner.errors import UsageError
from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def show(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def kinds(whole: int, part: float, flag: bool, items: list, table: dict, text: str) -> str:
    return " ".join(type(v).__name__ for v in (whole, part, flag, items, table, text))


@dsl.component(base_image=IMAGE)
def by_path(text: str, written: dsl.OutputPath(int), data: dsl.OutputPath("Dataset")):
    with open(written, "w") as stream:  # noqa: PTH123
        stream.write(str(len(text)))
    with open(data, "w") as stream:  # noqa: PTH123
        stream.write(text)


@dsl.component(base_image=IMAGE)
def read(data: dsl.Input[dsl.Dataset]) -> str:
    with open(data.path) as stream:  # noqa: PTH123
        return f"{stream.read()} {data.metadata}"


@dsl.component(base_image=IMAGE)
def maybe(data: dsl.Input[dsl.Dataset] = None) -> str:
    return "nothing" if data is None else "something"


@dsl.component(base_image=IMAGE)
def score(metrics: dsl.Output[dsl.Metrics], classes: dsl.Output[dsl.ClassificationMetrics]):
    metrics.log_metric("rmse", 0.5)
    classes.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])


def test_declared_types_arrive(execute):
    @dsl.pipeline
    def pipeline(
        whole: int = 3, part: float = 2, flag: bool = True, items: list = [1], table: dict = {"a": 1}, text: str = "t"
    ) -> str:  # fmt: skip
        return kinds(whole=whole, part=part, flag=flag, items=items, table=table, text=text).output

    assert execute(pipeline).outputs == {"Output": "int float bool list dict str"}


def test_outputs_written_by_path(execute):
    @dsl.pipeline
    def pipeline() -> NamedTuple("Outputs", [("length", int), ("text", str)]):
        made = by_path(text="four")
        outputs = NamedTuple("Outputs", [("length", int), ("text", str)])
        return outputs(made.outputs["written"], read(data=made.outputs["data"]).output)

    assert execute(pipeline).outputs == {"length": 4, "text": "four {}"}


def test_a_pipeline_may_return_an_artifact(execute):
    @dsl.pipeline
    def pipeline() -> dsl.Dataset:
        return by_path(text="kept").outputs["data"]

    artifact = execute(pipeline).outputs["Output"]
    assert (artifact.type, artifact.path.read_text()) == ("system.Dataset", "kept")


def test_metrics_are_recorded(execute):
    @dsl.pipeline
    def pipeline():
        score()

    found = execute(pipeline).tasks["score"].artifacts
    assert found["metrics"][0].metadata == {"rmse": 0.5}
    assert found["classes"][0].metadata["confusionMatrix"]["rows"] == [{"row": [1, 2]}, {"row": [3, 4]}]


@pytest.mark.parametrize(("given", "expected"), [(False, "nothing"), (True, "something")])
def test_an_optional_artifact(execute, tmp_path, given, expected):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset] = None) -> str:
        return maybe(data=data).output

    (tmp_path / "data").write_text("x")
    arguments = {"data": str(tmp_path / "data")} if given else {}
    assert execute(pipeline, arguments).outputs == {"Output": expected}


def test_data_that_looks_like_a_placeholder_is_left_alone(execute):
    @dsl.pipeline
    def pipeline(text: str) -> str:
        return show(value=text).output

    text = "{{$.inputs.parameters['value']}} {{$.pipeline_job_name}}"
    assert execute(pipeline, {"text": text}).outputs == {"Output": text}


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        (dsl.PIPELINE_JOB_NAME_PLACEHOLDER, "placed"),
        (dsl.PIPELINE_JOB_ID_PLACEHOLDER, "{run.id}"),
        (dsl.PIPELINE_TASK_NAME_PLACEHOLDER, "show"),
        (dsl.PIPELINE_ROOT_PLACEHOLDER, "{run.folder}"),
    ],
)
def test_placeholders(execute, placeholder, expected):
    @dsl.pipeline(name="placed")
    def pipeline() -> str:
        return show(value=f"<{placeholder}>").output

    run = execute(pipeline)
    assert run.outputs == {"Output": f"<{expected.format(run=run)}>"}


def test_importer_metadata_may_hold_parameters(execute, tmp_path):
    @dsl.pipeline
    def pipeline(uri: str, rows: int = 3) -> str:
        data = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, metadata={"rows": rows, "of": ["a", "b"]})
        return read(data=data.output).output

    (tmp_path / "data").write_text("x")
    run = execute(pipeline, {"uri": str(tmp_path / "data")})
    assert run.outputs == {"Output": "x {'of': ['a', 'b'], 'rows': 3}"}


def test_an_importer_of_nothing_fails(execute, tmp_path):
    @dsl.pipeline
    def pipeline(uri: str):
        read(data=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output)

    run = execute(pipeline, {"uri": str(tmp_path / "absent")})
    assert (run.state, "nothing to import" in str(run.error)) == (State.FAILED, True)


def test_one_nested_pipeline_twice(execute):
    @dsl.pipeline
    def inner(text: str = "default") -> str:
        return show(value=f"<{text}>").output

    @dsl.pipeline
    def pipeline() -> str:
        first = inner(text="a")
        second = inner()
        return show(value=f"{first.output}{second.output}").output

    assert execute(pipeline).outputs == {"Output": "<a><default>"}


def test_every_bad_argument_is_named_at_once(execute):
    @dsl.pipeline
    def pipeline(whole: int, data: dsl.Input[dsl.Dataset]):
        read(data=data)

    with pytest.raises(UsageError) as caught:
        execute(pipeline, {"whole": "x", "data": "/no/such/file", "hole": 1})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "unknown parameter 'hole'",
        "parameter 'whole'",
        "artifact 'data'",
    ]
