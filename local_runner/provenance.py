"""``runs lineage``: which tasks an artifact came from, and which read it."""

from __future__ import annotations

from local_runner.errors import UsageError
from local_runner.records import RunRecord
from local_runner.store import Store


def of_run(store: Store, run: RunRecord) -> list[str]:
    """One line an artifact of a run: producer, name, address, readers in any run."""
    out = []
    for task in store.tasks(run.id):
        for name, found in task.artifacts.items():
            for artifact in found:
                readers = [f"{run_id}/{path}" for run_id, path, _ in store.consumers(artifact.uri)]
                out.append(f"{task.path}/{name}  {artifact.uri}")
                out += [f"  read by {reader}" for reader in dict.fromkeys(readers)]
    return out


def of_artifact(store: Store, uri: str) -> list[str]:
    """The tasks behind an artifact, each under the one that it feeds, back to the first.

    Raises:
        UsageError: no task of the store wrote it.
    """
    if not store.producers(uri):
        raise UsageError(f"no task in {store.root} wrote {uri}")
    return [uri, *_behind(store, uri, 1, set())]


def _behind(store: Store, uri: str, depth: int, seen: set[str]) -> list[str]:
    out: list[str] = []
    for run_id, path, name in store.producers(uri):
        task = store.task(run_id, path)
        key = f"{run_id}/{path}"
        if task is None or task.reused_from or key in seen:
            continue
        seen.add(key)
        out.append(f"{'  ' * depth}{key} ({name})")
        for found in task.inputs.values():
            for artifact in found:
                out += [f"{'  ' * (depth + 1)}{artifact.uri}", *_behind(store, artifact.uri, depth + 2, seen)]
    return out
