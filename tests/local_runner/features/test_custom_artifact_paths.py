"""Artifacts that a component puts elsewhere than it was told, by path or by address."""

# ruff: noqa: PTH102, PTH123  (components are plain on purpose)

import pytest
from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def write_by_address(place: str, out: dsl.Output[dsl.Dataset]):
    with open(place, "w") as stream:
        stream.write("by address")
    out.uri = place
    out.metadata["rows"] = 7


@dsl.component(base_image=IMAGE)
def write_folder(out: dsl.Output[dsl.Dataset]):
    import os

    os.mkdir(out.path)
    for name in ("a", "b"):
        with open(f"{out.path}/{name}", "w") as stream:
            stream.write(name)
    out.path = out.path + "/a"


def test_the_address_and_metadata_reach_the_consumer(execute, parts, tmp_path):
    @dsl.pipeline
    def pipeline(place: str) -> str:
        made = write_by_address(place=place)
        parts.metadata(data=made.outputs["out"])
        return parts.read(data=made.outputs["out"]).output

    run = execute(pipeline, {"place": str(tmp_path / "data.txt")})
    assert run.outputs == {"Output": "by address"}
    assert run.tasks["metadata"].outputs == {"Output": {"rows": 7}}


def test_a_file_inside_the_folder_it_was_given(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        return parts.read(data=write_folder().outputs["out"]).output

    assert execute(pipeline).outputs == {"Output": "a"}


def test_it_is_no_cache_hit_once_the_file_is_gone(execute, states):
    @dsl.pipeline
    def pipeline():
        write_folder()

    made = execute(pipeline).tasks["write-folder"].artifacts["out"][0]
    assert states(execute(pipeline)) == {"write-folder": "cached"}
    made.path.unlink()
    assert states(execute(pipeline)) == {"write-folder": "succeeded"}


@pytest.mark.skipif(not hasattr(dsl.Artifact, "set_path"), reason="this kfp has no Artifact.set_path")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_set_path_names_is_kept_with_the_run(execute, parts, tmp_path, kind):
    @dsl.component(base_image=IMAGE)
    def write_at(place: str, out: dsl.Output[dsl.Dataset]):
        import os

        out.set_path(place)
        if place.endswith("folder"):
            os.mkdir(out.path)
        with open(f"{out.path}/part" if place.endswith("folder") else out.path, "w") as stream:
            stream.write("kept")

    @dsl.pipeline
    def pipeline(place: str):
        write_at(place=place)

    run = execute(pipeline, {"place": str(tmp_path / kind)})
    made = run.tasks["write-at"].artifacts["out"][0].path
    assert run.folder in made.parents
    assert (made / "part" if kind == "folder" else made).read_text() == "kept"
