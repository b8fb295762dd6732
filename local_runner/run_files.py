"""Which files in a run's folder the run itself wrote: what a removal may take, and what it must leave.

Nothing of the user's is ever deleted: a file that somebody put there after the run, or changed since, stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local_runner import digests, journal
from local_runner.records import RunRecord, TaskRecord

REMOVING, REMOVING_NEW = ".removing", ".removing.new"
"""Put into a run folder before its record goes: the list of files that a removal cut short still has to take."""

_OWN_AT_THE_TOP = {"pipeline.yaml", "report.html", journal.NAME, REMOVING, REMOVING_NEW}
_OWN_OF_A_TASK = {
    "log.txt",
    "progress.json",
    ".progress.json",
    "executor_output.json",
    "profile.pstats",
    "profile.txt",
}
_SPACE_OF_TASKS = ("tasks", "source", "workspace")
_SLACK = 2.0
"""Seconds between a run's last write and its recorded end; file systems and clocks round differently."""


def split(run: RunRecord, tasks: Sequence[TaskRecord]) -> tuple[list[Path], list[Path]]:
    """Files in a run's folder, relative to it: those the run wrote, and those it did not.

    A task's files are known by when they last changed (not after the run ended) or by their recorded content.
    """
    files = list(_files(run.folder))
    ended = _ended(run, files)
    recorded = _recorded(run.folder, tasks)
    own = [file for file in files if _is_own(run.folder, file, ended, recorded)]
    return own, sorted(set(files) - set(own))


def own_at_the_top(folder: Path) -> list[Path]:
    """Files in a run's folder that are the runner's by their name, for a folder without a record."""
    return [Path(name) for name in sorted(_OWN_AT_THE_TOP) if (folder / name).is_file()]


def _files(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not itself a folder; links are not followed."""
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in (*names, *links):
            yield Path(where, name).relative_to(folder)


def _ended(run: RunRecord, files: Sequence[Path]) -> float:
    """When the run ended; of a killed one, the last sign of life in a file that only the runner writes."""
    if run.finished is not None:
        return run.finished
    own = (file for file in files if file.name in _OWN_OF_A_TASK or file.name == journal.NAME)
    return max([run.created, *((run.folder / file).lstat().st_mtime for file in own)])


def _recorded(folder: Path, tasks: Sequence[TaskRecord]) -> dict[Path, str]:
    """Digest by relative path of every file of an output artifact."""
    return {
        (path / name if name else path).relative_to(folder): digest
        for task in tasks
        for found in task.artifacts.values()
        for artifact in found
        if (path := Path(artifact.uri.removeprefix("file://"))).is_relative_to(folder)
        for name, digest in artifact.files.items()
    }


def _is_own(folder: Path, file: Path, ended: float, recorded: Mapping[Path, str]) -> bool:
    if file.parts[0] not in _SPACE_OF_TASKS:
        return str(file) in _OWN_AT_THE_TOP
    if file.name in _OWN_OF_A_TASK or ".parameters" in file.parts:
        return True
    # The change time: unlike the modification time, it cannot be brought along from elsewhere.
    if (folder / file).lstat().st_ctime <= ended + _SLACK:
        return True
    # Newer than the run: a copied store, or a file of somebody else's. Only the content can tell.
    return file in recorded and (folder / file).is_file() and digests.of_file(folder / file) == recorded[file]
