"""``python -m local_runner runs …``: look at runs, compare them, make room."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from local_runner.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_runner.housekeeping import Removal
    from local_runner.store import Store

ROOT = click.option(
    "--root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of the run store."
)
_PIPELINE = click.option("--pipeline", default="", help="Only runs of this pipeline.")
_STATE = click.option("--state", help="Only runs in this state.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
_YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


@click.group("runs")
def runs_group() -> None:
    """List, show and compare runs; make room."""


@runs_group.command("list")
@_PIPELINE
@_STATE
@click.option("--since", metavar="DATE|7d|12h", help="Only runs begun since then.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most runs to list.")
@_JSON
@ROOT
def list_command(root: Path, pipeline: str, state: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    from local_runner import runs_json, summary

    wanted = {"pipeline": pipeline, "state": _state(state), "since": _moment(since), "limit": limit}
    found = []
    if _is_store(root):  # asking must not make a store
        with _opened(root) as store:
            found = store.runs(**wanted)
    if as_json:
        _print_json([runs_json.run(run) for run in found])
    else:
        narrowed = pipeline or state or since
        click.echo("\n".join(summary.run_lines(found)) or f"no {'such ' if narrowed else ''}runs in {root}")


@runs_group.command("show")
@click.argument("run", default="latest")
@_JSON
@ROOT
def show_command(run: str, root: Path, as_json: bool) -> None:
    """Show one run: tasks, metrics, where things are."""
    from local_runner import runs_json, summary

    with _opened(root) as store:
        record = store.run(run)
        tasks = store.tasks(record.id)
    if as_json:
        _print_json(runs_json.run(record, tasks))
    else:
        click.echo("\n".join([*summary.task_lines(tasks), "", *summary.lines(record, tasks)]))


@runs_group.command("compare")
@click.argument("first")
@click.argument("second")
@_JSON
@ROOT
def compare_command(first: str, second: str, root: Path, as_json: bool) -> None:
    """Show what differs between two runs: arguments, states, metrics, times, and what was the same work."""
    from local_runner import compare, runs_json

    with _opened(root) as store:
        a, b = ((record, store.tasks(record.id)) for record in (store.run(first), store.run(second)))
    if as_json:
        _print_json(runs_json.comparison(compare.compare(a, b)))
    else:
        click.echo("\n".join(compare.lines(a, b)))


@runs_group.command("lineage")
@click.argument("target", default="latest", metavar="[RUN[/TASK]|PATH]")
@click.option("--openlineage", metavar="FILE|URL", help="Export the run's lineage as OpenLineage events instead.")
@ROOT
def lineage_command(target: str, openlineage: str | None, root: Path) -> None:
    """Show where artifacts came from and where they went: of a run, of one task, or one artifact by its path."""
    from local_runner import provenance

    with _opened(root) as store:
        if openlineage is None:
            click.echo("\n".join(provenance.of(store, target)))
            return
        from local_runner import openlineage_export

        record = store.run(target)
        events = openlineage_export.events(record, store.tasks(record.id))
    openlineage_export.export(events, openlineage)
    click.echo(f"{len(events)} events to {openlineage}")


@runs_group.command("rm")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…")
@_YES
@click.option("--force", is_flag=True, help="Also runs whose artifacts other runs use.")
@_DRY
@ROOT
def rm_command(runs: tuple[str, ...], root: Path, yes: bool, force: bool, dry_run: bool) -> None:
    """Remove runs and the files they wrote; refused while one runs, or while another run uses its artifacts."""
    from local_runner import housekeeping

    with _opened(root) as store:
        found = [store.run(name) for name in runs]
        removals = housekeeping.plan(store, found, force=force)
        if dry_run or not yes:
            click.echo("\n".join(_would_go(removals)))
        if dry_run or not _agreed(yes, len(removals)):
            return
        _say_removed(housekeeping.remove(store, found, force=force))


@runs_group.command("gc")
@click.option("--keep", type=click.IntRange(0), default=10, show_default=True, help="Newest of those runs to keep.")
@click.option("--older-than", metavar="30d|12h", help="Only runs begun longer ago.")
@click.option("--succeeded", is_flag=True, help="Also runs that succeeded.")
@_DRY
@ROOT
def gc_command(keep: int, older_than: str | None, succeeded: bool, dry_run: bool, root: Path) -> None:
    """Remove left-over folders, and old failed or interrupted runs that no other run uses."""
    from local_runner import housekeeping

    before = _moment(older_than)
    with _opened(root) as store:
        found = housekeeping.expendable(store, keep=keep, before=before, succeeded=succeeded)
        if dry_run:
            click.echo("\n".join(_would_go(housekeeping.plan(store, found))) or "nothing would be removed")
            return
        left_over = housekeeping.finish_removals(store)
        _say_removed(housekeeping.remove(store, found), left_over)


def _is_store(root: Path) -> bool:
    return (root / "store.sqlite").exists()


def _opened(root: Path) -> Store:
    """The store at ``root``.

    Raises:
        UsageError: there is none.
    """
    from local_runner.store import Store

    if not _is_store(root):
        raise UsageError(
            f"there is no run store in {root}; name its folder with --root FOLDER, or make a first run with:"
            " python -m local_runner run PIPELINE"
        )
    return Store(root)


def _print_json(values: Any) -> None:
    import json

    click.echo(json.dumps(values, indent=2, ensure_ascii=False))


def _state(name: str | None) -> Any:
    from local_runner.records import State

    valid = [state.value for state in State]
    if name is not None and name not in valid:
        raise UsageError(f"unknown state {name!r}: {nearest(name, valid)}")
    return None if name is None else State(name)


def _moment(text: str | None) -> float | None:
    import time

    from local_runner.moments import moment

    return None if text is None else moment(text, time.time())


def _would_go(removals: Sequence[Removal]) -> list[str]:
    """What each removal takes and leaves, one run a paragraph."""
    out = []
    for one in removals:
        out.append(f"{one.run.id}  {one.run.state.value}  {len(one.files)} files, {one.size / 1e6:.1f} MB")
        out += [f"  kept, not written by the runner: {file}" for file in one.kept]
        out += [f"  used by {run_id}, which loses it" for run_id in one.users]
    return out


def _agreed(yes: bool, count: int) -> bool:
    """Whether to go on.

    Raises:
        UsageError: nobody can be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: this is no terminal to ask on; to remove them, add --yes")
    return click.confirm(f"Remove {'this run' if count == 1 else f'these {count} runs'}?")


def _say_removed(removals: Sequence[Removal], left_over: int = 0) -> None:
    freed = left_over + sum(one.size for one in removals)
    click.echo(f"removed {len(removals)} run{'' if len(removals) == 1 else 's'}, {freed / 1e6:.1f} MB")
    for one in removals:
        for file in one.kept:
            click.echo(f"kept {one.run.folder / file}: not written by the runner")
