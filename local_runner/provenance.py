"""``runs lineage``: which tasks an artifact came from, and which read it, in this run and in others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local_runner.errors import UsageError, nearest
from local_runner.records import Artifacts, RunRecord, TaskRecord
from local_runner.store import Store

_Step = Callable[[Store, str], list[tuple[str, TaskRecord]]]


def of(store: Store, name: str) -> list[str]:
    """Lineage of whatever a name stands for: a run, ``RUN/TASK``, an artifact's address, or a path inside it.

    Raises:
        UsageError: it stands for nothing in the store.
    """
    uri = _artifact(store, name)
    if uri:
        return of_artifact(store, uri)
    path = Path(name).absolute()
    if path.is_relative_to(store.root) and path != store.root:  # a folder of the store, as a shell completes it
        name = path.relative_to(store.root).as_posix().replace("/tasks/", "/", 1)
    elif path.exists() or "://" in name:
        raise UsageError(f"no task in {store.root} wrote or read {name}")
    run_name, _, task = name.partition("/")
    run = store.run(run_name)
    return of_task(store, run, task) if task else of_run(store, run)


def of_run(store: Store, run: RunRecord) -> list[str]:
    """One line an artifact of a run: producer, name, address, readers in any run."""
    out = []
    for task in store.tasks(run.id):
        for name, found in task.artifacts.items():
            for artifact in found:
                readers = [f"{run_id}/{path}" for run_id, path, _ in store.consumers(artifact.uri)]
                taken = f"  (from {task.reused_from})" if task.reused_from else ""
                out.append(f"{task.path}/{name}  {artifact.uri}{taken}")
                out += [f"  read by {reader}" for reader in dict.fromkeys(readers)]
    return out or [f"run {run.id} has no artifact"]


def of_task(store: Store, run: RunRecord, name: str) -> list[str]:
    """What a task (by path, or by a name that only one task has) read and where that came from; what it wrote and
    where that went.

    Raises:
        UsageError: the run has no such task.
    """
    tasks = store.tasks(run.id)
    found = [task for task in tasks if task.path == name] or [task for task in tasks if task.name == name]
    if len(found) != 1:
        paths = [task.path for task in found or tasks]
        problem = f"{len(found)} tasks named" if found else "no task"
        raise UsageError(f"run {run.id} has {problem} {name!r}. {nearest(name, paths)}")
    (task,) = found
    taken = [f"taken from {task.reused_from}"] if task.reused_from else []
    read = _addresses(task.inputs)
    written = _addresses(task.artifacts)
    out = [f"{run.id}/{task.path}", *taken, "", "read"]
    for uri in read:
        out += [f"  {uri}", *_walk(store, uri, 2, set(), _behind)]
    out += [*([] if read else ["  no artifact"]), "", "wrote"]
    for uri in written:
        out += [f"  {uri}", *_walk(store, uri, 2, set(), _ahead)]
    return out if written else [*out, "  no artifact"]


def of_artifact(store: Store, uri: str) -> list[str]:
    """The tasks behind an artifact, each under the one that it feeds, back to the first; then those that read it.

    Raises:
        UsageError: no task of the store wrote or read it.
    """
    if not store.producers(uri) and not store.consumers(uri):
        raise UsageError(f"no task in {store.root} wrote or read {uri}")
    went = _walk(store, uri, 1, set(), _ahead)
    return [uri, "came from", *_walk(store, uri, 1, set(), _behind), *(["went to", *went] if went else [])]


def _artifact(store: Store, name: str) -> str:
    """The address of the artifact that a path is, or lies in; empty when it is none."""
    if "://" in name:
        return name if store.producers(name) or store.consumers(name) else ""
    path = Path(name).absolute()
    return next((str(p) for p in (path, *path.parents) if store.producers(str(p)) or store.consumers(str(p))), "")


def _addresses(artifacts: Artifacts) -> list[str]:
    return list(dict.fromkeys(artifact.uri for found in artifacts.values() for artifact in found))


def _walk(store: Store, uri: str, depth: int, seen: set[str], step: _Step) -> list[str]:
    """Tasks on one side of an artifact, each with the artifacts beyond it, as an indented tree."""
    out: list[str] = []
    for name, task in step(store, uri):
        key = f"{task.run_id}/{task.path}"
        known = key in seen
        seen.add(key)
        out.append(f"{'  ' * depth}{key} ({name}){'  (see above)' if known else ''}")
        if not known:
            for further in _addresses(task.inputs if step is _behind else task.artifacts):
                out += [f"{'  ' * (depth + 1)}{further}", *_walk(store, further, depth + 2, seen, step)]
    return out


def _behind(store: Store, uri: str) -> list[tuple[str, TaskRecord]]:
    """Tasks that wrote an artifact, not those that took it over from them."""
    return [(name, task) for name, task in _tasks(store, store.producers(uri)) if not task.reused_from]


def _ahead(store: Store, uri: str) -> list[tuple[str, TaskRecord]]:
    """Tasks that read an artifact, in any run; one that was taken from the cache read nothing by itself."""
    return [(name, task) for name, task in _tasks(store, store.consumers(uri)) if not task.reused_from]


def _tasks(store: Store, links: list[tuple[str, str, str]]) -> list[tuple[str, TaskRecord]]:
    found = [(name, store.task(run_id, path)) for run_id, path, name in links]
    return [(name, task) for name, task in found if task is not None]
