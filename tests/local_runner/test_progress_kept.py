"""A task that was cut short finds what it had kept beside its output; one that is to do something else does not."""

from pathlib import Path

import pytest
from kfp import compiler, dsl

from local_runner import api
from local_runner.errors import PipelineFailed
from local_runner.records import State
from local_runner.store import Store


@dsl.component(base_image="python:3.11")
def count(upto: int, out: dsl.Output[dsl.Artifact]):
    """Get one further at each attempt, and fail at the first."""
    import pathlib

    kept = pathlib.Path(out.path + ".progress")
    kept.mkdir(parents=True, exist_ok=True)
    steps = len(list(kept.iterdir())) + 1
    (kept / f"{steps:03}").touch()
    if steps == 1:
        raise RuntimeError("cut short")
    pathlib.Path(out.path).write_text(f"{steps} of {upto}")


@dsl.pipeline(name="counting")
def counting(upto: int = 3):
    count(upto=upto)


@dsl.pipeline(name="retrying")
def retrying(upto: int = 3):
    count(upto=upto).set_retry(num_retries=1, backoff_duration="0s")


def compiled(tmp_path: Path, pipeline: object = counting) -> Path:
    path = tmp_path / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def cut_short(path: Path, root: Path, **parameters: int) -> str:
    """Id of a run that failed at its first attempt."""
    with pytest.raises(PipelineFailed):
        api.run(path, parameters, root=root)
    with Store(root) as store:
        return store.runs()[0].id


def text(run: api.Run) -> str:
    return Path(run.tasks["count"].artifacts["out"][0].uri).read_text()


def test_a_resumed_task_goes_on_where_it_was(tmp_path: Path) -> None:
    run = cut_short(compiled(tmp_path), tmp_path / "runs")
    resumed = api.resume(run, root=tmp_path / "runs")
    assert (resumed.state, text(resumed)) == (State.SUCCEEDED, "2 of 3")


def test_so_does_a_task_that_is_retried(tmp_path: Path) -> None:
    assert text(api.run(compiled(tmp_path, retrying), root=tmp_path / "runs")) == "2 of 3"


def test_another_run_begins_anew(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    for upto in (3, 5):
        cut_short(path, tmp_path / "runs", upto=upto)
    kept = sorted((tmp_path / "runs").glob("*/tasks/count/out.progress"))
    assert [[step.name for step in folder.iterdir()] for folder in kept] == [["001"], ["001"]]
