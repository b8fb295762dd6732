"""The cloud commands of ``python -m pipelines``: options in, one call, messages and exit codes out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipelines.cloud.assembly import Assembly
    from pipelines.cloud.settings import CloudSettings

CLOUD = click.option(
    "--cloud", "cloud_file", type=click.Path(path_type=Path), help="Settings file (default: cloud.yaml)."
)
TARGET = click.option("--target", type=click.Choice(["vertex", "kfp"]), default="vertex", show_default=True)
_EXPERIMENT = (
    click.argument("pipeline"),
    click.option("--config", metavar="NAME|FILE", help="Experiment (default: the pipeline's own)."),
    click.option("--profile", default="cpu", show_default=True, metavar="NAME|FILE", help="Machines to run on."),
    click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one key of the experiment."),
    click.option("--param", "parameters", multiple=True, metavar="K=V", help="Pipeline parameter, the value as YAML."),
    TARGET,
    CLOUD,
)


def experiment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What says which pipeline runs where."""
    for option in reversed(_EXPERIMENT):
        command = option(command)
    return command


def assembled(given: dict[str, Any]) -> tuple[Assembly, CloudSettings]:
    """What the options of :func:`experiment_options` ask for; they are taken out of ``given``."""
    from pipelines.cloud import assembly, settings

    read = settings.read(given.pop("cloud_file"))
    names = ("config", "profile", "overrides", "parameters", "target")
    return assembly.assemble(given.pop("pipeline"), settings=read, **{name: given.pop(name) for name in names}), read


@click.command("submit")
@experiment_options
@click.option("--request-id", metavar="ID", help="Name of this request; the same one twice starts one run.")
@click.option("--dry-run", is_flag=True, help="Compile, check and estimate; ask and send nothing.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the spec that is sent to this file.")
@click.option("--wait", is_flag=True, help="Show task states until the run is over; fail if it did.")
@click.option("--poll", type=click.FloatRange(0.01), default=10.0, show_default=True, help="Seconds between two looks.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="USD", help="Refuse what is estimated to cost more.")
@click.option("--hours", type=click.FloatRange(0), help="How long training takes, for the estimate.")
def submit_command(
    request_id: str | None, dry_run: bool, out: Path | None, wait: bool, poll: float, **given: Any
) -> None:
    """Compile PIPELINE for a profile, check it, say what it costs and start it."""
    from components.shared import files
    from components.shared.errors import InputError
    from pipelines.cloud import submission
    from pipelines.cloud.google import Google

    max_cost, hours = given.pop("max_cost"), given.pop("hours")
    assembly, settings = assembled(given)
    run = submission.named(assembly, request_id)
    if out:
        try:
            with files.new_file(out) as scratch:
                scratch.write_text(assembly.text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"--out: cannot write {out}: {error}") from error
    google = Google(settings) if assembly.target == "vertex" and not dry_run else None
    request = submission.Request(assembly, settings, run, max_cost, hours)
    submission.check(request, click.echo, google=google)
    if dry_run:
        click.echo(f"{run}: would be submitted to {assembly.target}; nothing was sent")
        return
    again = run.removeprefix(f"{submission.runs.slug(assembly.name)}-")
    click.echo(f"request {again}: after a failure, the same command with --request-id {again} goes on")
    server = submission.server(assembly.target, settings, google)
    submitted = submission.submit(request, server, click.echo)
    if wait:
        follow(server, submitted, poll)


def follow(server: Any, submitted: Any, poll: float) -> None:
    """Show a run until it is over; one that did not succeed ends the command with exit code 1."""
    from pipelines.cloud.waiting import wait

    try:
        ended = wait(server, submitted, click.echo, poll=poll)
    except KeyboardInterrupt:
        click.echo(
            f"stopped looking; the run goes on. Next: python -m pipelines wait {submitted.name}, or "
            f"python -m pipelines cancel {submitted.name}", err=True,
        )  # fmt: skip
        sys.exit(130)
    if ended.state != "succeeded":
        if ended.error:
            click.echo(f"error: {ended.error}", err=True)
        click.echo(f"logs  {submitted.link}", err=True)
        sys.exit(1)


@click.command("wait")
@click.argument("run")
@click.option("--poll", type=click.FloatRange(0.01), default=10.0, show_default=True, help="Seconds between two looks.")
@TARGET
@CLOUD
def wait_command(run: str, poll: float, target: str, cloud_file: Path | None) -> None:
    """Show task states of RUN until it is over; fail if it did."""
    from pipelines.cloud import settings, submission
    from pipelines.cloud.runs import Submitted

    server = submission.server(target, settings.read(cloud_file))
    follow(server, Submitted(run, server.link(run), created=False), poll)


@click.command("cancel")
@click.argument("run")
@TARGET
@CLOUD
def cancel_command(run: str, target: str, cloud_file: Path | None) -> None:
    """Ask that RUN be ended."""
    from pipelines.cloud import settings, submission

    submission.server(target, settings.read(cloud_file)).cancel(run)
    click.echo(f"asked that {run} be ended. Next: python -m pipelines wait {run}")


@click.command("doctor")
@experiment_options
@click.option("--offline", is_flag=True, help="Ask nobody: check only what is written here.")
def doctor_command(offline: bool, **given: Any) -> None:
    """Find everything that would stop PIPELINE on a profile, each with its fix."""
    from pipelines.cloud import preflight, runs
    from pipelines.cloud.google import Google

    assembly, settings = assembled(given)
    google = None if offline or assembly.target == "kfp" else Google(settings)
    found = preflight.problems(assembly, settings, runs.run_name(assembly, "check"), google)
    for note in found.notes:
        click.echo(f"note: {note}")
    for problem in found.problems:
        click.echo(f"problem: {problem}")
    what = f"{assembly.name} on profile {assembly.profile_name}"
    if found.problems:
        click.echo(f"{what}: {len(found.problems)} problem(s)", err=True)
        sys.exit(2)
    click.echo(f"{what}: nothing is in the way")


@click.command("cost")
@experiment_options
@click.option("--hours", type=click.FloatRange(0), help="How long training takes (default: past runs, or a guess).")
@click.option("--offline", is_flag=True, help="Ask neither for past runs nor for the bytes of a query.")
def cost_command(hours: float | None, offline: bool, **given: Any) -> None:
    """Estimate what a run of PIPELINE costs on a profile."""
    from pipelines.cloud import cost
    from pipelines.cloud.google import Google

    assembly, settings = assembled(given)
    google = None if offline or assembly.target == "kfp" else Google(settings)
    for line in cost.estimate(assembly, settings, hours=hours, google=google).lines():
        click.echo(line)


@click.command("profiles")
def profiles_command() -> None:
    """List the machines a pipeline can run on."""
    from pipelines.cloud import profiles

    for name in profiles.names():
        profile = profiles.read(name)
        click.echo(f"{name:<16} {profile.machine:<18} {profile.description}")


@click.command("upload-model")
@click.argument("run")
@click.option("--root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run store.")
@CLOUD
def upload_model_command(run: str, root: Path, cloud_file: Path | None) -> None:
    """Put the model of a local RUN into Vertex AI's Model Registry; the same run again finds its version."""
    from pipelines.cloud import registry_upload, settings

    made = registry_upload.upload(run, root, settings.read(cloud_file))
    click.echo(f"{made.name}/{made.number}  {', '.join(made.aliases)}")
    click.echo(f"files  {made.location}")


@click.command("setup")
@click.option("--user", required=True, metavar="user:MAIL", help="Who will submit pipelines.")
@click.option("--project-number", "number", default="", metavar="N", help="For a key of your own, or others' images.")
@click.option("--reads", multiple=True, metavar="PROJECT.DATASET", help="BigQuery dataset that runs read.")
@click.option("--writes", multiple=True, metavar="PROJECT.DATASET", help="BigQuery dataset that runs write.")
@click.option("--schedule", nargs=3, metavar="NAME PIPELINE CRON", help="Also one schedule.")
@click.option("--apply", "run", is_flag=True, help="Run the commands instead of printing them.")
@CLOUD
def setup_command(run: bool, cloud_file: Path | None, schedule: tuple[str, str, str] | None, **given: Any) -> None:
    """Print the gcloud commands that prepare a project, or run them."""
    import shlex

    from pipelines.cloud import settings, setup

    planned = setup.commands(settings.read(cloud_file), setup.Wishes(schedule=schedule or (), **given))
    if run:
        setup.apply(planned, click.echo)
    else:
        for words in planned:
            click.echo(shlex.join(words))


COMMANDS = (
    submit_command, wait_command, cancel_command, doctor_command, cost_command, profiles_command, upload_model_command,
    setup_command,
)  # fmt: skip
