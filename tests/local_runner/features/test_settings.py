"""Environment variables, caching, time limits, stubs, parts of a pipeline, containers, Google's custom jobs."""

import os

import pytest
from kfp import dsl

from local_runner import api, partial, plan
from local_runner.errors import PlanError, UsageError
from local_runner.records import State

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def variable(name: str) -> str:
    import os

    return os.environ.get(name, "unset")


@dsl.component(base_image=IMAGE)
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image=IMAGE)
def process() -> int:
    import os

    return os.getpid()


@dsl.container_component
def shout(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec("alpine", ["sh", "-c", 'printf "%s!" "$0" > "$1"', text, out])


@dsl.container_component
def words(first: str = "", second: str = None):  # noqa: RUF013  (KFP reads no unions here)
    optional = dsl.IfPresentPlaceholder("second", then=["--second", second], else_=["--none"])
    return dsl.ContainerSpec("alpine", ["echo"], [dsl.ConcatPlaceholder(["<", first, ">"]), optional])


def test_environment_variables_hold_for_their_task_alone(execute):
    @dsl.pipeline
    def pipeline():
        variable(name="TANDEM_TEST").set_env_variable("TANDEM_TEST", "set").set_caching_options(False)
        variable(name="TANDEM_TEST").set_caching_options(False)

    run = execute(pipeline)
    assert [run.tasks[name].outputs["Output"] for name in ("variable", "variable-2")] == ["set", "unset"]
    assert "TANDEM_TEST" not in os.environ


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["cached", "cached"]),
        ({"cache": False}, ["succeeded"] * 2),
        ({"no_cache": ("add",)}, ["succeeded", "cached"]),
    ],
    ids=["on", "off", "off-for-one"],
)
def test_the_cache(execute, states, options, expected):
    @dsl.pipeline
    def pipeline():
        add(a=add(a=1, b=2).output, b=3)

    execute(pipeline)
    assert list(states(execute(pipeline, **options)).values()) == expected


def test_a_task_with_caching_off_is_never_taken_from_the_cache(execute, states):
    @dsl.pipeline
    def pipeline():
        add(a=1, b=2).set_caching_options(False)

    execute(pipeline)
    assert states(execute(pipeline)) == {"add": "succeeded"}


def test_a_stub_stands_for_a_task(execute):
    @dsl.pipeline
    def pipeline() -> int:
        return add(a=add(a=1, b=2).output, b=3).output

    assert execute(pipeline, stubs={"add": 100}).outputs == {"Output": 103}
    with pytest.raises(PlanError, match="--stub ad: no task"):
        execute(pipeline, stubs={"ad": 100})


def test_isolated_and_parallel_tasks_run_in_other_processes(execute):
    @dsl.pipeline
    def pipeline():
        process().set_caching_options(False)
        process().set_caching_options(False)

    def pids(**options):
        return [task.outputs["Output"] for task in execute(pipeline, **options).tasks.values()]

    assert set(pids()) == {os.getpid()}
    first, second = pids(isolate=("process",))
    assert (first == os.getpid(), second == os.getpid()) == (False, True)
    assert os.getpid() not in pids(parallel=2)


@pytest.mark.parametrize("isolate", [(), ("dies",)], ids=["here", "isolated"])
def test_a_task_over_its_time_is_stopped(execute, isolate):
    @dsl.component(base_image=IMAGE)
    def dies():
        import time

        time.sleep(60)

    @dsl.pipeline
    def pipeline():
        dies()

    assert "0.3 s it was allowed" in execute(pipeline, timeout={"": 0.3}, isolate=isolate).tasks["dies"].error


def test_a_process_that_dies_is_a_failed_task(execute):
    @dsl.component(base_image=IMAGE)
    def dies():
        import os

        os._exit(3)

    @dsl.pipeline
    def pipeline():
        dies()

    assert "ended with code 3" in execute(pipeline, isolate=("dies",)).tasks["dies"].error


def test_a_profile_lands_in_the_tasks_folder(execute):
    @dsl.pipeline
    def pipeline():
        add(a=1, b=2)

    folder = execute(pipeline, profile={"add": "python"}).tasks["add"].folder
    assert "function calls" in (folder / "profile.txt").read_text()


def test_container_commands_run_on_this_machine_when_allowed(execute):
    @dsl.pipeline
    def pipeline() -> str:
        words(first="a b")
        words(first="x", second="y")
        return shout(text="it's").output

    run = execute(pipeline, allow_host_commands=True)
    assert run.outputs == {"Output": "it's!"}
    assert run.tasks["words"].log.read_text() == "<a b> --none\n"
    assert run.tasks["words-2"].log.read_text() == "<x> --second y\n"


def test_containers_without_an_engine_are_refused_before_anything_starts(execute, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    @dsl.pipeline
    def pipeline():
        add(a=1, b=2)
        shout(text="a")

    with pytest.raises(PlanError, match="task shout runs in the container image alpine"):
        execute(pipeline)
    assert not (tmp_path / "runs").exists()


def test_a_google_custom_job_runs_the_component_it_wraps(execute):
    google = pytest.importorskip("google_cloud_pipeline_components.v1.custom_job")
    job = google.create_custom_training_job_from_component(add, machine_type="n1-standard-4")

    @dsl.pipeline
    def pipeline() -> int:
        return job(project="p", location="l", a=1, b=2).outputs["Output"]

    assert execute(pipeline).outputs == {"Output": 3}


def test_other_google_components_are_refused_by_name(execute):
    google = pytest.importorskip("google_cloud_pipeline_components.v1.custom_job")

    @dsl.pipeline
    def pipeline():
        google.CustomTrainingJobOp(project="p", location="l", display_name="d", worker_pool_specs=[])

    with pytest.raises(PlanError, match=r"custom-training-job is a Google Cloud component.*--stub"):
        execute(pipeline)


@pytest.mark.parametrize(
    ("from_task", "only_task", "expected"),
    [
        ("add-2", None, {"add": "cached", "add-2": "succeeded", "add-3": "succeeded"}),
        (None, "add-2", {"add": "cached", "add-2": "succeeded", "add-3": "skipped"}),
    ],
    ids=["from", "only"],
)
def test_a_part_of_a_pipeline(execute, states, tmp_path, from_task, only_task, expected):
    @dsl.pipeline(name="parts")
    def pipeline():
        add(a=add(a=add(a=1, b=2).output, b=3).output, b=4)

    planned = plan.read(execute(pipeline).record.spec)
    reuse, skip, fresh = partial.choose(planned, tmp_path / "runs", from_task, only_task)
    run = api.run(pipeline, root=tmp_path / "runs", options=api.Options(skip=skip, no_cache=fresh), reuse=reuse)
    assert states(run) == expected


def test_a_part_of_a_pipeline_that_never_ran_is_refused(tmp_path):
    @dsl.pipeline(name="parts")
    def pipeline():
        add(a=1, b=2)

    from kfp import compiler

    compiler.Compiler().compile(pipeline, str(tmp_path / "p.yaml"))
    planned = plan.read(tmp_path / "p.yaml")
    with pytest.raises(UsageError, match="no earlier run of parts"):
        partial.choose(planned, tmp_path / "runs", "add", None)
    with pytest.raises(UsageError, match="did you mean add"):
        partial.choose(planned, tmp_path / "runs", "ad", None)


def test_resume_keeps_finished_tasks(execute, tmp_path):
    @dsl.component(base_image=IMAGE)
    def once(file: str) -> int:
        import os

        if os.path.exists(file):  # noqa: PTH110
            raise RuntimeError("a second time")
        open(file, "w").close()  # noqa: PTH123
        return 1

    @dsl.component(base_image=IMAGE)
    def needs(file: str, n: int) -> int:
        with open(file) as stream:  # noqa: PTH123
            return n + int(stream.read())

    @dsl.pipeline
    def pipeline(folder: str) -> int:
        return needs(file=f"{folder}/number", n=once(file=f"{folder}/once").output).output

    run = execute(pipeline, {"folder": str(tmp_path)}, cache=False)
    assert run.state == State.FAILED
    (tmp_path / "number").write_text("41")
    again = api.resume(run.id, root=tmp_path / "runs")
    assert (again.outputs, again.id) == ({"Output": 42}, run.id)
    with pytest.raises(UsageError, match="already succeeded"):
        api.resume("latest", root=tmp_path / "runs")
