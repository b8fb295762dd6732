"""``why TASK``: what made a task run again, or which earlier task it was taken from."""

from __future__ import annotations

from local_runner import cache
from local_runner.errors import UsageError, nearest
from local_runner.records import RunRecord, State, TaskRecord
from local_runner.store import Store


def explain(store: Store, run: RunRecord, name: str) -> list[str]:
    """Lines that explain a hit or a miss of one task (by path, or by name: every task of that name).

    Raises:
        UsageError: the run has no such task.
    """
    tasks = [task for task in store.tasks(run.id) if name in (task.path, task.name)]
    if not tasks:
        raise UsageError(f"run {run.id} has no task {name!r}. {nearest(name, [t.path for t in store.tasks(run.id)])}")
    return [line for task in tasks for line in _explain(store, run, task)]


def _explain(store: Store, run: RunRecord, task: TaskRecord) -> list[str]:
    if task.state == State.CACHED:
        return [f"{task.path}: taken from {task.reused_from}; nothing it depends on has changed"]
    if task.state == State.SKIPPED:
        return [f"{task.path}: skipped, {task.error}"]
    if not task.cache_key:
        return [f"{task.path}: a {task.kind.value} task is never taken from the cache"]
    before = _before(store, run, task.path)
    if before is None:
        return [f"{task.path}: ran because no earlier run of {run.pipeline} has it"]
    changed = cache.changes(before.fingerprint, task.fingerprint)
    if changed:
        return [f"{task.path}: ran because, since run {before.run_id},", *(f"  {line}" for line in changed)]
    return [f"{task.path}: ran although nothing changed since run {before.run_id}: {_other_reason(run, task, before)}"]


def _other_reason(run: RunRecord, task: TaskRecord, before: TaskRecord) -> str:
    if not run.options.get("cache", True) or {task.path, task.name} & set(run.options.get("no_cache", ())):
        return "the cache was turned off"
    if not before.state.good:
        return f"it {before.state.value} there"
    if not cache.intact(before):
        return "its outputs there have been changed or removed since"
    return "the compiled file turns caching off for it"


def _before(store: Store, run: RunRecord, path: str) -> TaskRecord | None:
    """The same task in the newest earlier run of the pipeline that has it."""
    for other in store.runs(pipeline=run.pipeline):
        if other.created < run.created:
            found = store.task(other.id, path)
            if found is not None and found.fingerprint:
                return found
    return None
