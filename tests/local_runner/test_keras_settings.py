"""What a task sets in Keras is gone before the next task."""

import importlib.util

import pytest
from kfp import dsl

from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def change() -> str:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    return keras.config.dtype_policy().name


@dsl.component(base_image=IMAGE)
def fail_after_change():
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    raise ValueError("after the change")


@dsl.component(base_image=IMAGE)
def settings() -> list:
    import keras

    layer = keras.layers.Dense(1)
    found = [keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy().name]
    return [*found, layer.compute_dtype, layer.variable_dtype]


DEFAULTS = ["float32", "channels_last", "float32", "float32", "float32"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras")
def test_the_policy_of_one_task_is_not_that_of_the_next(execute):
    @dsl.pipeline(name="keras")
    def pipeline():
        first = change()
        second = settings().after(first)
        third = fail_after_change().after(second)
        settings().after(third).ignore_upstream_failure()

    run = execute(pipeline)
    assert run.tasks["change"].outputs["Output"] == "mixed_bfloat16"
    assert run.tasks["settings"].outputs["Output"] == DEFAULTS
    assert run.tasks["fail-after-change"].state == State.FAILED
    assert run.tasks["settings-2"].outputs["Output"] == DEFAULTS


@pytest.mark.slow
def test_a_policy_chosen_before_the_run_is_there_after_it(execute):
    keras = pytest.importorskip("keras")

    @dsl.pipeline(name="keras")
    def pipeline():
        settings().after(change())

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        execute(pipeline)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
