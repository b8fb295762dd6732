"""What parity is: run a pipeline here, run each of its tasks again as its image does, and compare what came out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_runner import digests
from local_runner.parity.again import Again, comparable, run_again
from local_runner.parity.comparing import DIFFERENT, IDENTICAL, Finding, compare_artifact, compare_values
from local_runner.parity.places import Place
from local_runner.plan import Pipeline
from local_runner.records import RunRecord, TaskRecord

FOLDER = "parity"


@dataclass(frozen=True)
class TaskParity:
    """What was found of one task; ``here`` and ``there`` are its seconds in this process and in the image."""

    task: TaskRecord
    findings: tuple[Finding, ...]
    there: float

    @property
    def good(self) -> bool:
        return all(finding.good for finding in self.findings)

    def count(self, how: str) -> int:
        """How many of its findings are of a kind."""
        return sum(finding.how == how for finding in self.findings)


def check(
    pipeline: Pipeline, run: RunRecord, tasks: list[TaskRecord], place: Place, told: Callable[[TaskParity], None]
) -> list[TaskParity]:
    """Run the tasks of a finished run again, each on the run's own inputs, and compare.

    So a difference shows at the task that makes it, and only there.

    Args:
        pipeline: the plan of the run.
        run, tasks: the records of the run.
        place: where the tasks run the second time.
        told: told of every task as soon as it has been compared.
    """
    folder = run.folder / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    found = []
    for task in comparable(tasks):
        own = folder.absolute() / task.path
        own.mkdir(parents=True)
        found.append(_compare(task, run_again(pipeline, run, task, place, own)))
        told(found[-1])
    return found


def _compare(task: TaskRecord, again: Again) -> TaskParity:
    if again.error:
        return TaskParity(task, (Finding(task.path, DIFFERENT, again.error),), again.seconds)
    findings = (
        []
        if task.outputs == again.parameters == {}
        else [compare_values("outputs", dict(task.outputs), dict(again.parameters))]
    )
    for name, records in task.artifacts.items():
        pairs = zip(records, again.artifacts.get(name, ()), strict=False)
        for ours, theirs in pairs:
            findings += [] if digests.is_remote(ours.uri) else compare_artifact(name, ours.path, theirs.path)
            findings.append(compare_values(f"{name} (metadata)", dict(ours.metadata), dict(theirs.metadata)))
        if len(records) != len(again.artifacts.get(name, ())):
            findings.append(Finding(name, DIFFERENT, "other number of artifacts"))
    return TaskParity(task, tuple(findings), again.seconds)


def sentence(found: list[TaskParity]) -> str:
    """How parity ended, in one line."""
    every = [finding for task in found for finding in task.findings]
    bad = [task.task.path for task in found if not task.good]
    counts = f"{sum(f.how == IDENTICAL for f in every)} of {len(every)} files and values identical"
    return f"{counts}; {'different: ' + ', '.join(bad) if bad else 'all others agree'}"


def report_path(run: RunRecord) -> Path:
    """Where the page of a run's parity is."""
    return run.folder / "parity.html"
