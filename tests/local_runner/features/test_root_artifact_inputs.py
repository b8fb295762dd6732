"""Artifacts handed to a pipeline from outside: by path, as an object, or several."""

# ruff: noqa: UP006, UP035  (KFP reads typing's names)

from typing import List

import pytest
from kfp import dsl

from local_runner.errors import UsageError


@pytest.fixture
def file(tmp_path):
    (tmp_path / "in.txt").write_text("from outside")
    return tmp_path / "in.txt"


def test_by_path(execute, parts, file, monkeypatch):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset]) -> str:
        return parts.read(data=data).output

    monkeypatch.chdir(file.parent)
    for given in (str(file), f"file://{file}", "in.txt", file):
        assert execute(pipeline, {"data": given}).outputs == {"Output": "from outside"}


def test_an_object_brings_its_metadata(execute, parts, file):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset]):
        parts.metadata(data=data)

    given = dsl.Dataset(uri=str(file), metadata={"rows": 3})
    assert execute(pipeline, {"data": given}).tasks["metadata"].outputs == {"Output": {"rows": 3}}


def test_several(execute, parts, tmp_path):
    @dsl.pipeline
    def pipeline(data: dsl.Input[List[dsl.Dataset]]) -> str:
        return parts.join(data=data).output

    for name in "ab":
        (tmp_path / name).write_text(name)
    assert execute(pipeline, {"data": [tmp_path / "a", tmp_path / "b"]}).outputs == {"Output": "a+b"}


def test_another_content_at_the_same_path_is_no_cache_hit(execute, parts, states, file):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset]) -> str:
        return parts.read(data=data).output

    assert states(execute(pipeline, {"data": file})) == {"read": "succeeded"}
    assert states(execute(pipeline, {"data": file})) == {"read": "cached"}
    file.write_text("other text")
    assert execute(pipeline, {"data": file}).outputs == {"Output": "other text"}


def test_a_missing_one_is_said_beside_every_other_problem(execute, parts):
    @dsl.pipeline
    def pipeline(whole: int, data: dsl.Input[dsl.Dataset]):
        parts.read(data=data)

    with pytest.raises(UsageError) as caught:
        execute(pipeline, {"whole": "x", "data": "/no/such/file", "hole": 1})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "unknown parameter 'hole'",
        "parameter 'whole'",
        "artifact 'data'",
    ]
