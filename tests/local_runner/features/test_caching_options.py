"""Caching: on by default, off for a task, for a run, or for one task of a run."""

import pytest
from kfp import dsl


@dsl.component(base_image="python:3.11")
def tagged(tag: str, out: dsl.Output[dsl.Dataset]):
    out.metadata["tag"] = tag
    with open(out.path, "w") as stream:  # noqa: PTH123
        stream.write("the same")


@dsl.component(base_image="python:3.11")
def content(path: str) -> str:
    with open(path) as stream:  # noqa: PTH123
        return stream.read()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["cached", "cached"]),
        ({"cache": False}, ["succeeded"] * 2),
        ({"no_cache": ("add",)}, ["succeeded", "cached"]),
    ],
    ids=["on", "off", "off-for-one"],
)
def test_the_run_decides(execute, parts, states, options, expected):
    @dsl.pipeline
    def pipeline():
        parts.add(a=parts.add(a=1, b=2).output, b=3)

    execute(pipeline)
    assert list(states(execute(pipeline, **options)).values()) == expected


def test_a_task_with_caching_off_is_never_taken_from_the_cache(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        parts.add(a=1, b=2).set_caching_options(False)
        parts.add(a=1, b=3)

    execute(pipeline)
    assert states(execute(pipeline)) == {"add": "succeeded", "add-2": "cached"}


def test_another_value_is_no_hit_and_an_old_value_is_one_again(execute, parts, states):
    @dsl.pipeline
    def pipeline(n: int) -> int:
        return parts.add(a=n, b=1).output

    found = [states(execute(pipeline, {"n": n}))["add"] for n in (1, 2, 1)]
    assert found == ["succeeded", "succeeded", "cached"]


def test_a_cached_artifact_that_was_changed_is_no_hit(execute, parts, states):
    @dsl.pipeline
    def pipeline() -> str:
        return parts.read(data=parts.write(text="first").outputs["out"]).output

    execute(pipeline).tasks["write"].artifacts["out"][0].path.write_text("tampered")
    again = execute(pipeline)
    assert again.outputs == {"Output": "first"}
    assert states(again)["write"] == "succeeded"


def test_a_failure_is_never_cached(execute, parts, states):
    @dsl.pipeline
    def pipeline():
        parts.fail()

    execute(pipeline)
    assert states(execute(pipeline)) == {"fail": "failed"}


def test_metadata_of_an_input_counts_as_its_content_does(execute, parts, states):
    @dsl.pipeline
    def pipeline(tag: str) -> dict:
        return parts.metadata(data=tagged(tag=tag).outputs["out"]).output

    found = [execute(pipeline, {"tag": tag}) for tag in ("a", "b", "a")]
    assert [run.outputs["Output"]["tag"] for run in found] == ["a", "b", "a"]
    assert [states(run)["metadata"] for run in found] == ["succeeded", "succeeded", "cached"]


def test_a_file_that_a_parameter_names_counts_by_what_is_in_it(execute, states, tmp_path):
    @dsl.pipeline
    def pipeline(path: str) -> str:
        return content(path=path).output

    file, found = tmp_path / "prices.csv", []
    for text in ("first", "first", "second"):
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        found.append(execute(pipeline, {"path": str(file)}))
    assert [run.outputs["Output"] for run in found] == ["first", "first", "second"]
    assert [states(run)["content"] for run in found] == ["succeeded", "cached", "succeeded"]


def test_outputs_of_another_type_are_no_hit(execute, parts, states, edited):
    @dsl.pipeline
    def pipeline():
        parts.write(text="x")

    execute(pipeline)
    again = execute(edited(pipeline, "system.Dataset", "system.Model"))
    assert states(again) == {"write": "succeeded"}
    assert again.tasks["write"].artifacts["out"][0].type == "system.Model"
