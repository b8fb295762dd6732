"""All of ``dsl.PIPELINE_…_PLACEHOLDER``, and those inside values that are only data."""

import time

import pytest
from kfp import dsl

NAMES = {
    "PIPELINE_JOB_NAME": "placed",
    "PIPELINE_JOB_ID": "{run.id}",
    "PIPELINE_JOB_RESOURCE_NAME": "placed-{run.id}",
    "PIPELINE_JOB_CREATE_TIME_UTC": "{created}",
    "PIPELINE_JOB_SCHEDULE_TIME_UTC": "{created}",
    "PIPELINE_ROOT": "{run.folder}",
    "PIPELINE_TASK_NAME": "echo",
}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_filled_in_inside_a_constant(execute, parts, name):
    placeholder = getattr(dsl, f"{name}_PLACEHOLDER")

    @dsl.pipeline(name="placed")
    def pipeline() -> str:
        return parts.echo(text=f"<{placeholder}>").output

    run = execute(pipeline)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.record.created))
    assert run.outputs == {"Output": f"<{NAMES[name].format(run=run, created=created)}>"}


def test_task_ids_differ_between_tasks_and_stay_for_a_task(execute, parts, values):
    @dsl.pipeline
    def pipeline():
        for _ in range(2):
            parts.echo(text=dsl.PIPELINE_TASK_ID_PLACEHOLDER)
        with dsl.ParallelFor([1, 2]) as item:
            parts.echo(text=f"{dsl.PIPELINE_TASK_ID_PLACEHOLDER}-{item}")

    run = execute(pipeline)
    found = [task.outputs["Output"].split("-")[0] for task in run.tasks.values() if task.kind == "python"]
    assert len(set(found)) == 4
    assert all(word.isdigit() for word in found)


def test_every_one_is_filled_in_inside_lists_and_mappings(execute, parts):
    @dsl.pipeline(name="placed")
    def pipeline() -> str:
        return parts.shown(values=[dsl.PIPELINE_JOB_NAME_PLACEHOLDER, {"a": dsl.PIPELINE_TASK_NAME_PLACEHOLDER}]).output

    assert execute(pipeline).outputs == {"Output": '["placed", {"a": "shown"}]'}


def test_data_that_looks_like_one_is_left_alone(execute, parts):
    @dsl.pipeline
    def pipeline(text: str) -> str:
        return parts.echo(text=parts.echo(text=text).output).output

    text = "{{$.inputs.parameters['text']}} {{$.pipeline_job_name}} {{$}}"
    assert execute(pipeline, {"text": text}).outputs == {"Output": text}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("it's", "it's"), ('"quoted"', '"quoted"'), (3, "3"), (0.5, "0.5"), (True, "true"), ([1, "a"], '[1, "a"]')],
    ids=["apostrophe", "quotes", "int", "double", "boolean", "list"],
)
def test_a_value_inside_a_string(execute, parts, value, expected):
    kind = type(value)

    def pipeline(value) -> str:
        return parts.echo(text=f"<{value}>").output

    pipeline.__annotations__["value"] = kind
    assert execute(dsl.pipeline(pipeline), {"value": value}).outputs == {"Output": f"<{expected}>"}


def test_parts_of_artifacts_in_a_command(execute, parts):
    @dsl.container_component
    def place(data: dsl.Input[dsl.Dataset], made: dsl.Output[dsl.Dataset], told: dsl.OutputPath(str)):
        script = 'cat "$1" > "$2"; printf "%s" "$0" > "$3"'
        return dsl.ContainerSpec("alpine", ["sh", "-c", script, data.metadata["length"], data.path, made.uri, told])

    @dsl.pipeline
    def pipeline() -> str:
        placed = place(data=parts.write(text="four").outputs["out"])
        read = parts.read(data=placed.outputs["made"])
        return parts.echo(text=f"{placed.outputs['told']} {read.output}").output

    assert execute(pipeline, allow_host_commands=True).outputs == {"Output": "4 four"}


def test_an_unknown_one_fails_its_task_and_is_named(execute):
    @dsl.container_component
    def odd():
        return dsl.ContainerSpec("alpine", ["echo", "{{$.no_such_thing}}"])

    run = execute(odd, allow_host_commands=True)
    assert (run.state, "{{$.no_such_thing}}" in str(run.error)) == ("failed", True)
