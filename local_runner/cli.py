"""The command line: options in, one call, messages and exit codes out."""

from __future__ import annotations

import errno
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from local_runner.device import DEVICES
from local_runner.doctor.command import doctor_command
from local_runner.parity.command import parity_command
from local_runner.plain_output import tolerant
from local_runner.runs_cli import ROOT, runs_group
from local_runner.serve.command import serve_command

if TYPE_CHECKING:
    from local_runner.api import Run

_QUIET = click.option("--quiet", "-q", is_flag=True, help="Say only how it ended.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Run compiled KFP v2 pipelines on this machine, in one process."""


@main.command("run")
@click.argument("pipeline")
@click.option("--config", metavar="NAME|FILE", help="Experiment to run (for a pipeline given by name).")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one key of the experiment.")
@click.option("--horizon", metavar="1m|3m|6m|12m", help="Shorthand for --set preprocess.horizon=…")
@click.option("--tune", type=click.IntRange(1), metavar="N", help="Shorthand for --set train.tune.trials=N")
@click.option(
    "--param", "parameters", multiple=True, metavar="K=V", help="Pipeline parameter; an artifact by its path."
)
@click.option(
    "--device", type=click.Choice(DEVICES), help="Where to compute; sets the pipeline's device parameter too."
)
@click.option(
    "--no-cache", is_flag=False, flag_value="*", multiple=True, metavar="[=TASK]", help="Run again: all, or TASK."
)
@click.option("--from", "from_task", metavar="TASK", help="Run TASK and all after it; take the rest from the last run.")
@click.option("--only", "only_task", metavar="TASK", help="Run TASK alone, on the inputs of the last run.")
@click.option("--parallel", type=click.IntRange(1), default=1, show_default=True, help="Tasks at a time.")
@click.option("--fail-fast", is_flag=True, help="Begin no new task after the first failure.")
@click.option("--isolate", multiple=True, metavar="TASK", help="Run TASK in a process of its own.")
@click.option("--timeout", multiple=True, metavar="[TASK=]SECONDS", help="Most seconds a task may take.")
@click.option("--pdb", is_flag=True, help="Open the debugger where a task fails.")
@click.option("--profile", multiple=True, metavar="TASK[=tensorflow]", help="Write a profile of TASK into its folder.")
@click.option("--stub", multiple=True, metavar="NAME=VALUE", help="Use VALUE (JSON) for what a task would return.")
@click.option("--allow-host-commands", is_flag=True, help="Run container components as commands of this machine.")
@click.option("--components", type=click.Path(path_type=Path), help="kfp_config.ini that says where components are.")
@ROOT
@_QUIET
def run_command(pipeline: str, root: Path, quiet: bool, **given: Any) -> None:
    """Run PIPELINE: a compiled .yaml file, or the name of a shipped pipeline."""
    from local_runner import api, requests

    request = requests.build(pipeline, root=root, **given)
    done = api.run(
        request.compiled, request.arguments, root=root, raise_on_failure=False, options=request.options,
        observers=_observers(quiet, debug=given["pdb"]), reuse=request.reuse,
    )  # fmt: skip
    by_name = not pipeline.endswith((".yaml", ".yml"))  # only a shipped pipeline has an experiment to change
    _finish(done, root, again=shlex.join(["python", "-m", "local_runner", *sys.argv[1:]]) if by_name else "")


@main.command("resume")
@click.argument("run")
@click.option("--pdb", is_flag=True, help="Open the debugger where a task fails.")
@ROOT
@_QUIET
def resume_command(run: str, pdb: bool, root: Path, quiet: bool) -> None:
    """Continue RUN (an id, a unique part of one, or `latest`); finished tasks are kept."""
    from local_runner import api

    overrides = {"debug": True} if pdb else {}
    _finish(
        api.resume(run, root=root, raise_on_failure=False, observers=_observers(quiet, debug=pdb), overrides=overrides),
        root,
    )


@main.command("why")
@click.argument("task")
@click.option("--run", "run", default="latest", show_default=True, help="Which run to explain.")
@ROOT
def why_command(task: str, run: str, root: Path) -> None:
    """Say why TASK was taken from the cache, or was not."""
    from local_runner import why
    from local_runner.store import Store

    with Store(root) as store:
        for line in why.explain(store, store.run(run), task):
            click.echo(line)


main.add_command(doctor_command)
main.add_command(parity_command)
main.add_command(runs_group)
main.add_command(serve_command)


def _observers(quiet: bool, *, debug: bool = False) -> list[Any]:
    from local_runner.report import ReportWriter

    if quiet:
        return [ReportWriter()]
    from local_runner.capture import duplicate_stdout
    from local_runner.progress import Progress

    # A debugger's prompt and a display that is redrawn cannot share a terminal.
    return [Progress(duplicate_stdout(), live=False if debug else None), ReportWriter()]


def _finish(done: Run, root: Path, *, again: str = "") -> None:
    """Say how a run ended; a failed one ends the command with its exit code."""
    from local_runner import summary
    from local_runner.api import failed

    click.echo("\n".join(summary.lines(done.record, list(done.tasks.values()))))
    if done.state.good:
        return
    click.echo("\n".join(summary.failure_lines(done, root, again)), err=True)
    sys.exit(failed(done, done.error).exit_code)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def entry() -> None:
    """Run the command line; an error raised on purpose ends it with its message and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        tolerant(stream)
    try:
        main(prog_name="python -m local_runner", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; continue with: python -m local_runner resume latest", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        click.echo("error: the disk is full; make room, then: python -m local_runner resume latest", err=True)
        sys.exit(1)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:  # a defect, not a message: show where
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(code)
