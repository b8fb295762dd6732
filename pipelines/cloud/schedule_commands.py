"""``python -m pipelines schedule``: create, list, pause, resume, delete, run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines.cloud.commands import CLOUD, TARGET, assembled, experiment_options


@click.group("schedule")
def schedule_group() -> None:
    """Start a pipeline by itself, at the moments of a cron line."""


@schedule_group.command("create")
@click.argument("name")
@experiment_options
@click.option("--cron", "line", required=True, metavar="LINE", help='Five fields: "TZ=Europe/Amsterdam 0 6 * * 1-5".')
@click.option("--max-runs", type=click.IntRange(0), default=0, help="End after so many runs (default: never).")
@click.option(
    "--max-cost", type=click.FloatRange(0), metavar="USD", help="Refuse if one run is estimated to cost more."
)
@click.option("--hours", type=click.FloatRange(0), help="How long training takes, for the estimate.")
def create_command(
    name: str, line: str, max_runs: int, max_cost: float | None, hours: float | None, **given: Any
) -> None:
    """Schedule PIPELINE under NAME; the same again changes nothing, something else changes the schedule."""
    from pipelines.cloud import cron, runs, schedules, submission
    from pipelines.cloud.google import Google

    when = cron.parse(line)
    assembly, settings = assembled(given)
    wanted = schedules.Wanted(name, when, assembly, max_runs)
    google = Google(settings) if assembly.target == "vertex" else None
    request = submission.Request(assembly, settings, runs.run_name(assembly, "scheduled"), max_cost, hours)
    submission.check(request, click.echo, google=google)
    click.echo("the estimate is of one run; a schedule starts one at each of its moments")
    outcome = schedules.scheduler(assembly.target, settings).create(wanted)
    click.echo(f"schedule {name}: {outcome} ({line})")


@schedule_group.command("list")
@TARGET
@CLOUD
def list_command(target: str, cloud_file: Path | None) -> None:
    """Every schedule and when it runs next."""
    found = _scheduler(target, cloud_file).list()
    for each in found:
        state = "active" if each.active else "paused"
        started = "" if each.started is None else f"  {each.started} runs"
        click.echo(
            f"{each.name:<24} {state:<8} {each.cron:<36}{started}{f'  next {each.next_run}' if each.next_run else ''}"
        )
    if not found:
        click.echo("no schedules. Next: python -m pipelines schedule create NAME PIPELINE --cron '0 6 * * 1-5'")


@schedule_group.command("pause")
@click.argument("name")
@TARGET
@CLOUD
def pause_command(name: str, target: str, cloud_file: Path | None) -> None:
    """Start no more runs of NAME."""
    _scheduler(target, cloud_file).pause(name)
    click.echo(f"schedule {name}: paused. Next: python -m pipelines schedule resume {name}")


@schedule_group.command("resume")
@click.argument("name")
@TARGET
@CLOUD
def resume_command(name: str, target: str, cloud_file: Path | None) -> None:
    """Start runs of NAME again; missed ones are not made up for."""
    _scheduler(target, cloud_file).resume(name)
    click.echo(f"schedule {name}: active")


@schedule_group.command("delete")
@click.argument("name")
@TARGET
@CLOUD
def delete_command(name: str, target: str, cloud_file: Path | None) -> None:
    """Remove NAME; its runs stay."""
    there = _scheduler(target, cloud_file).delete(name)
    click.echo(f"schedule {name}: {'deleted' if there else 'there is none'}")


@schedule_group.command("run")
@click.argument("name")
@click.option("--request-id", metavar="ID", help="Name of this request; the same one twice starts one run.")
@TARGET
@CLOUD
def run_command(name: str, request_id: str | None, target: str, cloud_file: Path | None) -> None:
    """Start NAME once, now."""
    from pipelines.cloud import runs

    click.echo(f"started {_scheduler(target, cloud_file).run(name, runs.request_id(request_id))}")


@schedule_group.command("local")
@click.argument("name")
@click.argument("pipeline")
@click.option("--config", metavar="NAME|FILE", help="Experiment (default: the pipeline's own).")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one key of the experiment.")
@click.option("--param", "parameters", multiple=True, metavar="K=V", help="Pipeline parameter.")
@click.option("--cron", "line", required=True, metavar="LINE", help='Five fields in local time: "0 6 * * 1-5".')
@click.option("--as", "form", type=click.Choice(["launchd", "crontab"]), default="launchd", show_default=True)
def local_command(name: str, pipeline: str, config: str | None, line: str, form: str, **given: Any) -> None:
    """Print what makes this machine run PIPELINE by itself: a launchd property list or a crontab line."""
    from pipelines import experiments
    from pipelines.cloud import cron, laptop_schedule

    when = cron.parse(line)
    experiments.resolve(pipeline, config, list(given["overrides"]))  # a mistake is better found now than at night
    words = laptop_schedule.command(pipeline, config, given["overrides"], given["parameters"])
    write = laptop_schedule.launchd if form == "launchd" else laptop_schedule.crontab
    click.echo(write(name, when, words, Path.cwd()), nl=False)


def _scheduler(target: str, cloud_file: Path | None) -> Any:
    from pipelines.cloud import schedules, settings

    return schedules.scheduler(target, settings.read(cloud_file))
