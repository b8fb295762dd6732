"""What is printed when a run is over, and when runs are listed: plain lines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner import profiling
from local_runner.records import ArtifactRecord, RunRecord, State, TaskKind, TaskRecord

if TYPE_CHECKING:
    from local_runner.api import Run

_GROUPS = (TaskKind.DAG, TaskKind.LOOP)


def lines(run: RunRecord, tasks: Sequence[TaskRecord]) -> list[str]:
    """State and counts, every metrics artifact as a table, and where reports, models and the run folder are."""
    leaves = [task for task in tasks if task.kind not in _GROUPS]
    counts = {state: sum(task.state == state for task in leaves) for state in State}
    said = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    took = f" in {run.seconds:.1f} s" if run.seconds is not None else ""
    out = [f"{run.pipeline}: {run.state.value}{took} ({said or 'no tasks'})", *([run.note] if run.note else [])]
    for task in leaves:
        for name, found in task.artifacts.items():
            for artifact in found:
                if artifact.type.endswith("Metrics") and artifact.metadata:
                    out += ["", f"{task.path}/{name}", *metric_lines(artifact.metadata)]
    out += ["", *(f"{name}: {value}" for name, value in run.outputs.items())] if run.outputs else []
    return [*out, "", *_places(run, leaves)]


def _places(run: RunRecord, leaves: Sequence[TaskRecord]) -> list[str]:
    report = run.folder / "report.html"
    places = [("report", str(report))] if report.is_file() else []
    places += [("model", artifact.uri) for _, artifact in artifacts_of(leaves) if artifact.type.endswith("Model")]
    places += [("profile", line) for task in leaves if _is_profiled(run, task) for line in profiling.where(task.folder)]
    return [f"{word:<8}{place}" for word, place in [*places, ("run", str(run.folder))]]


def _is_profiled(run: RunRecord, task: TaskRecord) -> bool:
    return bool({task.name, task.path} & set(run.options.get("profile") or ()))


def metric_lines(metadata: Mapping[str, Any]) -> list[str]:
    """Keys ``row/metric`` pivoted into one table rows × metrics; other keys one a line."""
    table = metric_table(metadata)
    plain = [f"  {key}  {_shown(value)}" for key, value in metadata.items() if "/" not in key]
    if not table:
        return plain
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    cells = [["", *columns], *([name, *(_shown(row.get(c, "")) for c in columns)] for name, row in table.items())]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns) + 1)]
    rows = [
        "  "
        + "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return [*rows, *plain]


def metric_table(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"lstm/rmse": 1.2}`` as ``{"lstm": {"rmse": 1.2}}``; keys without a slash are left out."""
    table: dict[str, dict[str, Any]] = {}
    for key, value in metadata.items():
        row, separator, column = key.partition("/")
        if separator:
            table.setdefault(row, {})[column] = value
    return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def failure_lines(done: Run, root: Path, again: str = "") -> list[str]:
    """Tasks done, what failed, its own traceback, where its log is, and the commands that resume.

    ``again`` is the command line of this run, for a failure that only another configuration mends.
    """
    leaves = [task for task in done.tasks.values() if task.kind not in _GROUPS]
    good = sum(task.state.good for task in leaves)
    out = ["", f"{good} of {len(leaves)} tasks are done; finished tasks are kept."]
    for task in [*done.failed(), *_failed_groups(done)]:
        out += ["", f"task {task.path} failed:", task.traceback.rstrip() or task.error]
        out += [f"log     {task.log}"] if task.log.is_file() else []
    place = "" if root == Path("runs") else f" --root {root}"
    out += ["", "Resume with:", f"  python -m local_runner resume {done.id}{place}"]
    if again:
        out += ["or, to change its configuration (finished tasks come from the cache):", f"  {again} --set KEY=VALUE"]
    return out


def _failed_groups(done: Run) -> list[TaskRecord]:
    """Groups that failed by themselves, not because a task in them did."""
    return [task for task in done.tasks.values() if task.kind in _GROUPS and task.traceback]


def task_lines(tasks: Sequence[TaskRecord]) -> list[str]:
    """One line a task."""
    width = max((len(task.path) for task in tasks), default=0)
    return [
        f"{task.path:<{width}}  {task.state.value:<11} {'' if task.seconds is None else f'{task.seconds:8.2f} s'}"
        + ("" if task.peak_memory is None else f"  {task.peak_memory / 2**20:6,.0f} MiB")
        + (f"  {task.error.splitlines()[0]}" if task.error else "")
        for task in tasks
    ]


def run_lines(runs: Sequence[RunRecord]) -> list[str]:
    """One line a run."""
    return [
        f"{run.id:<44} {run.state.value:<11} {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(run.created))}"
        + (f"  {run.seconds:8.1f} s" if run.seconds is not None else "")
        for run in runs
    ]


def artifacts_of(tasks: Sequence[TaskRecord]) -> list[tuple[str, ArtifactRecord]]:
    """Every output artifact with its task's path."""
    return [(task.path, artifact) for task in tasks for found in task.artifacts.values() for artifact in found]
