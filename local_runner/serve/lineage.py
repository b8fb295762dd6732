"""Where an artifact came from and which tasks read it, as places that a page can link to."""

from __future__ import annotations

from dataclasses import dataclass

from local_runner.records import ArtifactRecord, TaskRecord
from local_runner.store import Store

MOST = 50
"""Readers that are listed."""


@dataclass(frozen=True)
class Output:
    """One output artifact of a task."""

    run_id: str
    path: str
    name: str
    index: int


@dataclass(frozen=True)
class Reader:
    """A task that took an artifact as its input ``name``."""

    run_id: str
    path: str
    name: str


def origin(store: Store, artifact: ArtifactRecord, run_id: str) -> Output | None:
    """The output that an artifact is: of the same run if one is (also when it was taken over), else of the first."""
    found = [place for place in store.producers(artifact.uri) if not _is_group(store.task(place[0], place[1]))]
    found.sort(key=lambda place: place[0] != run_id)
    for producer, path, name in found:
        task = store.task(producer, path)
        if task is not None:
            uris = [each.uri for each in task.artifacts.get(name, ())]
            if artifact.uri in uris:
                return Output(producer, path, name, uris.index(artifact.uri))
    return None


def writers(store: Store, artifact: ArtifactRecord) -> list[tuple[Output, bool]]:
    """Every task that gave out an artifact, and whether it took it over from an earlier one."""
    out = []
    for run_id, path, name in store.producers(artifact.uri):
        task = store.task(run_id, path)
        if task is not None and not _is_group(task):
            uris = [each.uri for each in task.artifacts.get(name, ())]
            index = uris.index(artifact.uri) if artifact.uri in uris else 0
            out.append((Output(run_id, path, name, index), bool(task.reused_from)))
    return sorted(out, key=lambda pair: pair[1])[:MOST]


def readers(store: Store, artifact: ArtifactRecord) -> list[Reader]:
    """Tasks of any run that read an artifact; groups only hand it on."""
    found = store.consumers(artifact.uri)[: MOST * 4]
    return [Reader(*place) for place in found if not _is_group(store.task(place[0], place[1]))][:MOST]


def _is_group(task: TaskRecord | None) -> bool:
    return task is not None and task.kind in ("dag", "loop")
