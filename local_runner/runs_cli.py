"""``python -m local_runner runs …``: look at runs, compare them, make room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from local_runner.errors import UsageError, nearest

ROOT = click.option(
    "--root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of the run store."
)
_PIPELINE = click.option("--pipeline", default="", help="Only runs of this pipeline.")
_STATE = click.option("--state", help="Only runs in this state.")


@click.group("runs")
def runs_group() -> None:
    """List, show and compare runs; make room."""


@runs_group.command("list")
@_PIPELINE
@_STATE
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most runs to list.")
@ROOT
def list_command(root: Path, pipeline: str, state: str | None, limit: int) -> None:
    """List runs, newest first."""
    from local_runner import summary
    from local_runner.store import Store

    with Store(root) as store:
        found = store.runs(pipeline=pipeline, state=_state(state), limit=limit)
    click.echo("\n".join(summary.run_lines(found)) or f"no runs in {root}")


@runs_group.command("show")
@click.argument("run", default="latest")
@ROOT
def show_command(run: str, root: Path) -> None:
    """Show one run: tasks, metrics, where things are."""
    from local_runner import summary
    from local_runner.store import Store

    with Store(root) as store:
        record = store.run(run)
        tasks = store.tasks(record.id)
    click.echo("\n".join([*summary.task_lines(tasks), "", *summary.lines(record, tasks)]))


@runs_group.command("compare")
@click.argument("first")
@click.argument("second")
@ROOT
def compare_command(first: str, second: str, root: Path) -> None:
    """Show what differs between two runs: arguments, states, metrics."""
    from local_runner import compare
    from local_runner.store import Store

    with Store(root) as store:
        pairs = [(record, store.tasks(record.id)) for record in (store.run(first), store.run(second))]
    click.echo("\n".join(compare.lines(*pairs)))


@runs_group.command("lineage")
@click.argument("run_or_path", default="latest")
@click.option("--openlineage", metavar="FILE|URL", help="Export the run's lineage as OpenLineage events instead.")
@ROOT
def lineage_command(run_or_path: str, openlineage: str | None, root: Path) -> None:
    """Show where the artifacts of a run went, or where one artifact (by its path) came from."""
    from local_runner import provenance
    from local_runner.store import Store

    with Store(root) as store:
        if openlineage:
            from local_runner import openlineage_export

            record = store.run(run_or_path)
            texts = openlineage_export.events(record, store.tasks(record.id))
            openlineage_export.export(texts, openlineage)
            click.echo(f"{len(texts)} events to {openlineage}")
        elif Path(run_or_path).exists():
            click.echo("\n".join(provenance.of_artifact(store, str(Path(run_or_path).absolute()))))
        else:
            click.echo("\n".join(provenance.of_run(store, store.run(run_or_path))))


@runs_group.command("rm")
@click.argument("runs", nargs=-1, required=True)
@ROOT
def rm_command(runs: tuple[str, ...], root: Path) -> None:
    """Remove runs and their folders; refused while another run uses their artifacts."""
    from local_runner import housekeeping
    from local_runner.store import Store

    with Store(root) as store:
        freed = housekeeping.remove(store, [store.run(name) for name in runs])
    click.echo(f"removed {len(runs)} run(s), {freed / 1e6:.1f} MB")


@runs_group.command("gc")
@click.option("--keep", type=click.IntRange(0), default=10, show_default=True, help="Newest failed runs to keep.")
@ROOT
def gc_command(keep: int, root: Path) -> None:
    """Remove left-over folders, and old failed or interrupted runs that no other run uses."""
    from local_runner import housekeeping
    from local_runner.store import Store

    with Store(root) as store:
        removed, freed = housekeeping.collect(store, keep)
    click.echo(f"removed {len(removed)} run(s), {freed / 1e6:.1f} MB")


def _state(name: str | None) -> Any:
    from local_runner.records import State

    valid = [state.value for state in State]
    if name is not None and name not in valid:
        raise UsageError(f"unknown state {name!r}: {nearest(name, valid)}")
    return None if name is None else State(name)
