"""``python -m local_runner parity``: options in, one check, a line a task and the exit code out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from local_runner.runs_cli import ROOT

if TYPE_CHECKING:
    from local_runner.parity.places import Place
    from local_runner.parity.step import TaskParity

ENGINE_NAMES = ("auto", "podman", "docker", "buildah")


@click.command("parity")
@click.argument("pipeline", required=False)
@click.option("--config", metavar="NAME|FILE", help="Experiment to run (for a pipeline given by name).")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one key of the experiment.")
@click.option(
    "--param", "parameters", multiple=True, metavar="K=V", help="Pipeline parameter; an artifact by its path."
)
@click.option("--run", "run", help="Compare a finished run (an id, or `latest`) instead of running PIPELINE.")
@click.option("--image", help="Run the tasks in this image (default: in a clean process).")
@click.option("--engine", type=click.Choice(ENGINE_NAMES), default="auto", help="What runs --image.")
@click.option(
    "--volume", "volumes", multiple=True, metavar="A:B", help="Folder that the image is to see, beside the store."
)
@click.option(
    "--image-root", type=click.Path(path_type=Path), help="Folder that stands for the image's working folder."
)
@click.option("--components", type=click.Path(path_type=Path), help="kfp_config.ini that says where components are.")
@ROOT
def parity_command(root: Path, pipeline: str | None, run: str | None, components: Path | None, **given: Any) -> None:
    """Run PIPELINE in this process, then each task as its image does, and compare what comes out."""
    from local_runner import plan
    from local_runner.errors import UsageError
    from local_runner.parity import page, step
    from local_runner.store import Store

    if (pipeline is None) == (run is None):
        raise UsageError("name a pipeline to run and compare, or a finished run with --run, one of the two")
    name = run or _run_here(str(pipeline), root, components, given)
    with Store(root) as store, _place(components, given) as place:
        record = store.run(name)
        tasks = store.tasks(record.id)
        click.echo(f"comparing run {record.id} with {place.name}")
        found = step.check(plan.read(record.spec), record, tasks, place, _say)
        report = page.write(record, place.name, found, step.report_path(record))
    click.echo(f"{step.sentence(found)}\nreport  {report}")
    if not found or not all(task.good for task in found):
        sys.exit(1)


def _run_here(pipeline: str, root: Path, components: Path | None, given: dict[str, Any]) -> str:
    """Run the pipeline in this process, every task anew; the run's id."""
    from local_runner import api, requests

    request = requests.build(
        pipeline, root=root, config=given["config"], overrides=given["overrides"], horizon=None,
        parameters=given["parameters"], device=None, from_task=None, only_task=None, no_cache=("*",), parallel=1,
        fail_fast=True, isolate=(), profile=(), timeout=(), allow_host_commands=False, components=components, stub=(),
        pdb=False,
    )  # fmt: skip
    return api.run(request.compiled, request.arguments, root=root, options=request.options).id


@contextlib.contextmanager
def _place(components: Path | None, given: dict[str, Any]) -> Iterator[Place]:
    from local_runner import component_files
    from local_runner.parity import places

    if given["image"]:
        yield places.container(places.engine(given["engine"]), given["image"], given["volumes"])
        return
    with places.clean_process(component_files.find(components), given["image_root"]) as process:
        yield process


def _say(task: TaskParity) -> None:
    from local_runner.durations import in_words
    from local_runner.parity.comparing import DIFFERENT, IDENTICAL

    click.echo(
        f"{task.task.path}: {'agrees' if task.good else 'DIFFERS'}, {task.count(IDENTICAL)} of {len(task.findings)} "
        f"identical, {in_words(task.there)}"
    )
    for finding in task.findings:
        if finding.how == DIFFERENT:
            click.echo(f"  {finding.what}: {finding.detail}")
