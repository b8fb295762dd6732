"""What a request gives to a page: an open store, and the run, the task and the artifact that it names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, HTTPException, Query, Request

from local_runner.errors import nearest
from local_runner.records import ArtifactRecord, RunRecord, State, TaskRecord
from local_runner.store import Store

LONGEST_NAME = 1000


def _opened(request: Request) -> Iterator[Store]:
    with Store(request.app.state.root) as store:
        yield store


OpenStore = Annotated[Store, Depends(_opened)]
Name = Annotated[str, Query(max_length=LONGEST_NAME)]
Page = Annotated[int, Query(ge=0, le=10_000_000)]
Index = Annotated[int, Query(ge=0, le=1_000_000)]


def _state(state: Name = "") -> State | None:
    valid = [each.value for each in State]
    if state and state not in valid:
        raise HTTPException(400, f"unknown state {state!r}: {nearest(state, valid)}")
    return State(state) if state else None


WantedState = Annotated[State | None, Depends(_state)]


def _run(store: OpenStore, run: str) -> RunRecord:
    return store.run(run)


NamedRun = Annotated[RunRecord, Depends(_run)]
"""The run of the address; ``latest`` and unique parts of an id are understood as in the terminal."""


def _task(store: OpenStore, run: NamedRun, path: Name) -> TaskRecord:
    found = store.task(run.id, path)
    if found is None:
        raise HTTPException(404, f"run {run.id} has no task {path!r} (or it has not started)")
    interrupted = found.state == State.RUNNING and run.state != State.RUNNING
    return dataclasses.replace(found, state=State.INTERRUPTED) if interrupted else found


NamedTask = Annotated[TaskRecord, Depends(_task)]


def _artifact(task: NamedTask, name: Name, index: Index = 0) -> ArtifactRecord:
    found = task.artifacts.get(name, ())
    if index >= len(found):
        raise HTTPException(404, f"task {task.path} has no output artifact {name!r} number {index}")
    return found[index]


NamedArtifact = Annotated[ArtifactRecord, Depends(_artifact)]
