"""``embedded_artifact_path``: a file or folder carried inside the component. Only SDKs after 2.13 compile them."""

# ruff: noqa: PTH123  (components are plain on purpose)

import inspect

import pytest
from kfp import dsl

pytestmark = pytest.mark.skipif(
    "embedded_artifact_path" not in inspect.signature(dsl.component).parameters,
    reason="this kfp embeds no artifacts in components",
)
IMAGE = "python:3.11"


def test_a_folder(execute, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "numbers.txt").write_text("42")

    @dsl.component(base_image=IMAGE, embedded_artifact_path=str(tmp_path / "assets"))
    def numbers(assets: dsl.EmbeddedInput[dsl.Dataset]) -> str:
        with open(f"{assets.path}/numbers.txt") as stream:
            return stream.read()

    assert execute(numbers).tasks["numbers"].outputs == {"Output": "42"}


def test_a_file(execute, tmp_path):
    (tmp_path / "text.txt").write_text("inside")

    @dsl.component(base_image=IMAGE, embedded_artifact_path=str(tmp_path / "text.txt"))
    def text(asset: dsl.EmbeddedInput[dsl.Dataset]) -> str:
        with open(asset.path) as stream:
            return stream.read()

    assert execute(text).tasks["text"].outputs == {"Output": "inside"}


def test_two_components_with_different_content_do_not_meet(execute, tmp_path):
    found = []
    for name in ("a", "b"):
        (tmp_path / "text.txt").write_text(name)

        @dsl.component(base_image=IMAGE, embedded_artifact_path=str(tmp_path / "text.txt"))
        def text(asset: dsl.EmbeddedInput[dsl.Dataset]) -> str:
            with open(asset.path) as stream:
                return stream.read()

        found.append(execute(text).tasks["text"].outputs["Output"])
    assert found == ["a", "b"]


def test_a_module_inside_can_be_imported_and_is_gone_for_the_next_task(execute, parts, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "carried_module.py").write_text("ANSWER = 41\n")

    @dsl.component(base_image=IMAGE, embedded_artifact_path=str(tmp_path / "assets"))
    def uses() -> int:
        import carried_module

        return carried_module.ANSWER + 1

    @dsl.component(base_image=IMAGE)
    def reaches() -> bool:
        import importlib.util

        return importlib.util.find_spec("carried_module") is not None

    @dsl.pipeline
    def pipeline() -> bool:
        return reaches().after(uses()).output

    run = execute(pipeline)
    assert (run.tasks["uses"].outputs, run.outputs) == ({"Output": 42}, {"Output": False})
