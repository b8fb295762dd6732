"""Parameters of megabytes: text, lists and mappings, in and out."""

import pytest
from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def make(size: int) -> str:
    return "0123456789" * (size // 10)


@dsl.component(base_image=IMAGE)
def measured(text: str) -> dict:
    import hashlib

    return {"length": len(text), "digest": hashlib.sha256(text.encode()).hexdigest()}


@dsl.component(base_image=IMAGE)
def summed(values: list) -> int:
    return sum(values)


@pytest.mark.parametrize("size", [200_000, 5_000_000], ids=["200KB", "5MB"])
def test_text_goes_from_task_to_task(execute, size):
    import hashlib

    @dsl.pipeline
    def pipeline(size: int) -> dict:
        return measured(text=make(size=size).output).output

    digest = hashlib.sha256(b"0123456789" * (size // 10)).hexdigest()
    assert execute(pipeline, {"size": size}).outputs == {"Output": {"length": size, "digest": digest}}


def test_text_given_from_outside(execute):
    text = "ä\n'\"" * 300_000
    assert execute(measured, {"text": text}).tasks["measured"].outputs["Output"]["length"] == 1_200_000


def test_a_long_list(execute):
    assert execute(summed, {"values": list(range(300_000))}).tasks["summed"].outputs == {"Output": 44_999_850_000}


@pytest.mark.slow  # a new process
def test_text_crosses_into_another_process(execute):
    @dsl.pipeline
    def pipeline(text: str) -> dict:
        return measured(text=text).output

    run = execute(pipeline, {"text": "x" * 2_000_000}, isolate=("measured",))
    assert run.outputs["Output"]["length"] == 2_000_000
