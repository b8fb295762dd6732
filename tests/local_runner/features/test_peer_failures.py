"""What kfp.local gets wrong on KFP's public pipelines, one test a class."""

# ruff: noqa: B006, PTH123, SIM115, UP006, UP035, UP045  (KFP reads typing's names; components are plain on purpose)

import os
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import pytest
from kfp import compiler, dsl

from local_runner import api
from local_runner.errors import ConditionError
from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def types_in(values: List[int], table: Dict[str, float]) -> str:
    return ",".join(type(v).__name__ for v in [*values, *table.values()])


@dsl.component(base_image=IMAGE)
def double(n: int) -> int:
    return 2 * n


@dsl.component(base_image=IMAGE)
def total(values: List[int]) -> int:
    return sum(values)


@dsl.component(base_image=IMAGE)
def count(values: List[int]) -> int:
    return len(values)


@dsl.component(base_image=IMAGE)
def fails_here() -> str:
    raise RuntimeError("on purpose")


def test_ints_in_list_parameters_stay_ints(execute):
    @dsl.pipeline
    def pipeline(values: List[int] = [1, 2], table: Dict[str, float] = {"a": 3, "b": 0.5}) -> str:
        return types_in(values=values, table=table).output

    assert execute(pipeline).outputs == {"Output": "int,int,int,float"}


def test_an_int_inside_a_string_has_no_decimal_point(execute, parts):
    @dsl.pipeline
    def pipeline(n: int = 3) -> str:
        return parts.echo(text=f"n={n}").output

    assert execute(pipeline).outputs == {"Output": "n=3"}


def test_collected_over_an_empty_list_is_an_empty_list(execute, parts):
    @dsl.pipeline
    def pipeline() -> int:
        with dsl.ParallelFor(parts.numbers(n=0).output) as item:
            doubled = double(n=item)
        return count(values=dsl.Collected(doubled.output)).output

    assert execute(pipeline).outputs == {"Output": 0}


def test_collected_artifacts_over_an_empty_list_are_an_empty_list(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        with dsl.ParallelFor(parts.numbers(n=0).output) as item:
            written = parts.write(text=f"{item}")
        return parts.join(data=dsl.Collected(written.outputs["out"])).output

    assert execute(pipeline).outputs == {"Output": ""}


def test_collected_leaves_out_iterations_whose_producer_was_skipped(execute):
    @dsl.pipeline
    def pipeline() -> int:
        with dsl.ParallelFor([1, 2, 3, 4]) as item, dsl.If(item > 2):
            doubled = double(n=item)
        return total(values=dsl.Collected(doubled.output)).output

    assert execute(pipeline).outputs == {"Output": 14}


def test_collected_artifacts_of_nested_loops_come_as_one_list_in_order(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        with dsl.ParallelFor(["a", "b"]) as outer, dsl.ParallelFor(["x", "y"]) as inner:
            written = parts.write(text=f"{outer}{inner}")
        return parts.join(data=dsl.Collected(written.outputs["out"])).output

    assert execute(pipeline).outputs == {"Output": "ax+ay+bx+by"}


@dsl.component(base_image=IMAGE)
def describe(name: Optional[str] = None, size: Optional[int] = None) -> str:
    return f"{name} {size}"


def test_optional_parameters_may_be_none(execute):
    @dsl.pipeline
    def pipeline(name: Optional[str] = None) -> str:
        return describe(name=name).output

    assert execute(pipeline).outputs == {"Output": "None None"}


def test_a_nested_loop_goes_over_a_field_of_the_outer_item(execute):
    @dsl.pipeline
    def pipeline() -> int:
        with dsl.ParallelFor([{"ns": [1, 2]}, {"ns": [3]}]) as outer, dsl.ParallelFor(outer.ns) as n:
            double(n=n)
        return total(values=[1]).output

    run = execute(pipeline)
    assert sorted(t.outputs["Output"] for t in run.tasks.values() if t.name == "double") == [2, 4, 6]


def test_a_nested_pipeline_may_have_only_artifact_inputs(execute, parts):
    @dsl.pipeline
    def inner(data: dsl.Input[dsl.Dataset]) -> str:
        return parts.read(data=data).output

    @dsl.pipeline
    def pipeline() -> str:
        return inner(data=parts.write(text="hello").outputs["out"]).output

    assert execute(pipeline).outputs == {"Output": "hello"}


@dsl.component(base_image=IMAGE)
def write_elsewhere(place: str, out: dsl.Output[dsl.Dataset]):
    with open(place, "w") as stream:
        stream.write("elsewhere")
    out.path = place
    out.metadata["rows"] = 7


def test_a_custom_artifact_path_reaches_the_consumer(execute, tmp_path, parts):
    @dsl.pipeline
    def pipeline(place: str) -> str:
        return parts.read(data=write_elsewhere(place=place).outputs["out"]).output

    run = execute(pipeline, {"place": str(tmp_path / "data.txt")})
    assert run.outputs == {"Output": "elsewhere"}
    assert run.tasks["write-elsewhere"].artifacts["out"][0].metadata == {"rows": 7}


@pytest.mark.parametrize(
    "placeholder",
    [
        dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
        dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
        dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER,
    ],
    ids=["resource-name", "create-time", "schedule-time"],
)
def test_job_placeholders_are_filled_in(execute, placeholder, parts):
    @dsl.pipeline(name="named")
    def pipeline() -> str:
        return parts.echo(text=placeholder).output

    run = execute(pipeline)
    expected = f"named-{run.id}"
    if "time" in placeholder:
        expected = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.record.created))
    assert run.outputs["Output"] == expected


def test_an_edge_may_be_implied_by_an_input_alone(execute, tmp_path):
    @dsl.pipeline
    def pipeline() -> int:
        return double(n=double(n=2).output).output

    compiled = tmp_path / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(compiled))
    text = compiled.read_text()
    assert "        dependentTasks:\n        - double\n" in text
    compiled.write_text(text.replace("        dependentTasks:\n        - double\n", ""))
    assert execute(compiled).outputs == {"Output": 8}


def test_ignore_upstream_failure_runs_with_the_default_of_a_data_input(execute, states, parts):
    @dsl.pipeline
    def pipeline() -> str:
        return describe(name=parts.fail().output, size=1).ignore_upstream_failure().output

    run = execute(pipeline)
    assert run.state == State.FAILED
    assert states(run) == {"fail": "failed", "describe": "succeeded"}
    assert run.tasks["describe"].outputs == {"Output": "None 1"}


@dsl.component(base_image=IMAGE)
def fail_until(file: str, times: int) -> int:
    with open(file, "a") as stream:
        stream.write("x")
    tries = len(open(file).read())
    if tries < times:
        raise RuntimeError(f"try {tries}")
    return tries


def test_retries_of_a_nested_pipeline_count(execute, tmp_path):
    @dsl.pipeline
    def inner(file: str) -> int:
        return fail_until(file=file, times=3).output

    @dsl.pipeline
    def pipeline(file: str) -> int:
        return inner(file=file).set_retry(num_retries=2, backoff_duration="0s").output

    run = execute(pipeline, {"file": str(tmp_path / "tries")})
    assert (run.state, run.outputs) == (State.SUCCEEDED, {"Output": 3})


@pytest.mark.parametrize("text", ["it's", 'say "hi"', "a == b", "x && y", "\\"], ids=repr)
def test_a_string_with_special_characters_takes_the_true_branch(execute, text, parts):
    @dsl.pipeline
    def pipeline(text: str, wanted: str) -> str:
        with dsl.If(text == wanted):
            yes = parts.echo(text="yes")
        with dsl.Else():
            no = parts.echo(text="no")
        return dsl.OneOf(yes.output, no.output)

    assert execute(pipeline, {"text": text, "wanted": text}).outputs == {"Output": "yes"}


def test_a_constant_with_a_quote_is_compared_as_written(execute, parts):
    @dsl.pipeline
    def pipeline(text: str = "it's") -> str:
        with dsl.If(text == "it's"):
            yes = parts.echo(text="yes")
        with dsl.Else():
            no = parts.echo(text="no")
        return dsl.OneOf(yes.output, no.output)

    assert execute(pipeline).outputs == {"Output": "yes"}


@pytest.mark.parametrize("size", [200_000, 5_000_000], ids=["200KB", "5MB"])
def test_a_large_parameter_arrives_whole(execute, size, parts):
    @dsl.pipeline
    def pipeline(text: str) -> str:
        return parts.echo(text=text).output

    assert len(execute(pipeline, {"text": "x" * size}).outputs["Output"]) == size


def test_a_condition_that_cannot_be_evaluated_is_an_error(execute, tmp_path, parts):
    @dsl.pipeline
    def pipeline(n: int = 5):
        with dsl.If(n > 3):
            parts.echo(text="never")

    compiled = tmp_path / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(compiled))
    compiled.write_text(compiled.read_text().replace("> 3", "> 'three'"))
    run = execute(compiled)
    assert run.state == State.FAILED
    assert isinstance(run.error, ConditionError)


def test_nothing_of_the_user_is_deleted(execute, tmp_path, monkeypatch, parts):
    monkeypatch.chdir(tmp_path)
    kept = [tmp_path / "workspace" / "kept.txt", tmp_path / "local_outputs" / "kept.txt"]
    for file in kept:
        file.parent.mkdir()
        file.write_text("mine")

    @dsl.pipeline
    def pipeline() -> str:
        return parts.echo(text="hello").output

    execute(pipeline)
    assert [file.read_text() for file in kept] == ["mine", "mine"]


@dsl.component(base_image=IMAGE)
def uses_module() -> int:
    import answer_module

    return answer_module.ANSWER


def test_a_changed_imported_file_is_no_cache_hit(execute, states, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "answer_module.py"
    module.write_text("ANSWER = 1\n")

    @dsl.pipeline
    def pipeline() -> int:
        return uses_module().output

    assert execute(pipeline).outputs == {"Output": 1}
    assert states(execute(pipeline)) == {"uses-module": "cached"}
    module.write_text("ANSWER = 12345\n")
    again = execute(pipeline)
    assert (states(again), again.outputs) == ({"uses-module": "succeeded"}, {"Output": 12345})


@pytest.mark.parametrize(("take", "expected"), [("a", "first"), ("b", "second")])
def test_one_of_artifacts(execute, take, expected, parts):
    @dsl.pipeline
    def pipeline(take: str) -> str:
        with dsl.If(take == "a"):
            first = parts.write(text="first")
        with dsl.Else():
            second = parts.write(text="second")
        return parts.read(data=dsl.OneOf(first.outputs["out"], second.outputs["out"])).output

    assert execute(pipeline, {"take": take}).outputs == {"Output": expected}


def test_root_artifact_inputs_are_given_by_path(execute, tmp_path, parts):
    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset]) -> str:
        return parts.read(data=data).output

    file = tmp_path / "in.txt"
    file.write_text("from outside")
    assert execute(pipeline, {"data": str(file)}).outputs == {"Output": "from outside"}


def test_an_importer_reads_a_local_file_with_its_metadata(execute, tmp_path, parts):
    @dsl.pipeline
    def pipeline(uri: str) -> str:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, metadata={"rows": 3})
        return parts.read(data=imported.output).output

    file = tmp_path / "in.txt"
    file.write_text("imported")
    run = execute(pipeline, {"uri": str(file)})
    assert run.outputs == {"Output": "imported"}
    assert run.tasks["importer"].artifacts["artifact"][0].metadata == {"rows": 3}


def test_a_containerized_component_runs_without_a_container_engine(execute, tmp_path, monkeypatch):
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "component.py").write_text(
        "from kfp import dsl\n\n\n@dsl.component(base_image='a', target_image='b', install_kfp_package=False)\n"
        "def stage(n: int) -> int:\n    return n + 1\n"
    )
    (tmp_path / "kfp_config.ini").write_text("[Components]\nstage = stage/component.py\n")
    monkeypatch.chdir(tmp_path)

    @dsl.component(base_image="a", target_image="b", install_kfp_package=False)
    def stage(n: int) -> int:
        raise AssertionError("the code is the file's, not this one's")

    @dsl.pipeline
    def pipeline() -> int:
        return stage(n=1).output

    assert execute(pipeline).outputs == {"Output": 2}


@dsl.component(base_image=IMAGE)
def nap(seconds: float):
    import time

    time.sleep(seconds)


def test_a_task_can_have_a_time_limit(execute):
    @dsl.pipeline
    def pipeline():
        nap(seconds=60.0)

    run = execute(pipeline, timeout={"nap": 0.2})
    assert "longer than the 0.2 s" in run.tasks["nap"].error


def test_a_run_is_recorded_and_found_again(execute, tmp_path, parts):
    from local_runner.store import Store

    @dsl.pipeline
    def pipeline() -> str:
        return parts.echo(text="hello").output

    run = execute(pipeline)
    with Store(tmp_path / "runs") as store:
        assert store.run("latest").outputs == {"Output": "hello"}
        assert [task.path for task in store.tasks(run.id)] == ["echo"]


def test_a_failure_keeps_the_tasks_own_exception(tmp_path):
    @dsl.pipeline
    def pipeline():
        fails_here()

    with pytest.raises(api.PipelineFailed) as caught:
        api.run(pipeline, root=tmp_path)
    assert repr(caught.value.__cause__) == "RuntimeError('on purpose')"
    assert caught.value.__cause__.__traceback__.tb_frame.f_code.co_filename == os.path.realpath(__file__)


@dsl.component(base_image=IMAGE)
def several() -> NamedTuple("Outputs", [("a", int), ("b", str)]):
    from collections import namedtuple

    return namedtuple("Outputs", ["a", "b"])(1, "two")


def test_named_outputs(execute, parts):
    @dsl.pipeline
    def pipeline() -> str:
        made = several()
        return parts.echo(text=f"{made.outputs['a']}{made.outputs['b']}").output

    assert execute(pipeline).outputs == {"Output": "1two"}


def test_a_missing_package_is_named_before_anything_starts(execute, tmp_path):
    @dsl.component(base_image=IMAGE, packages_to_install=["no-such-package-here==1.0"])
    def needs():
        pass

    @dsl.pipeline
    def pipeline():
        needs()

    with pytest.raises(api.UsageError, match="pip install no-such-package-here"):
        execute(pipeline)
    assert not Path(tmp_path / "runs").exists()
