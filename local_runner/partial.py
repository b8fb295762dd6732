"""``--from TASK`` and ``--only TASK``: which tasks run, and which are taken over from the newest run as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local_runner.errors import UsageError, nearest
from local_runner.plan import Dag, Pipeline
from local_runner.records import TaskRecord
from local_runner.store import Store

Reuse = Callable[[str], TaskRecord | None]


def choose(
    pipeline: Pipeline, root: Path, from_task: str | None, only_task: str | None
) -> tuple[Reuse, tuple[str, ...], tuple[str, ...]]:
    """What to take over, which tasks not to run, and which to run whatever the cache holds.

    Raises:
        UsageError: both are given, the task is not one of the pipeline's outermost tasks, or there is no earlier run,
            or it did not finish what comes before the task.
    """
    if from_task and only_task:
        raise UsageError("give --from or --only, not both")
    name = from_task or only_task or ""
    if name not in pipeline.root.tasks:
        raise UsageError(f"no task {name!r} in {pipeline.name}. {nearest(name, pipeline.root.tasks)}")
    after = downstream(pipeline.root, name)
    with Store(root) as store:
        runs = store.runs(pipeline=pipeline.name, limit=1)
        if not runs:
            raise UsageError(f"no earlier run of {pipeline.name} in {root} to take the other tasks from")
        known = {task.path: task for task in store.tasks(runs[0].id) if task.state.good}
    before = [task for task in pipeline.root.tasks if task not in after and task != name]
    needed = upstream(pipeline.root, name)
    if lacking := [task for task in before if task in needed and task not in known]:
        raise UsageError(f"run {runs[0].id} did not finish {', '.join(lacking)}, which {name} needs")
    kept = {path: task for path, task in known.items() if path.split("/")[0] in before}
    skipped = tuple(sorted(after)) if only_task else ()
    return kept.get, skipped, (name, *sorted(after))


def downstream(dag: Dag, name: str) -> set[str]:
    """Tasks that wait for ``name``, directly or not."""
    found: set[str] = set()
    for task in dag.tasks.values():  # in topological order, so one pass is enough
        if {name, *found} & set(task.upstream):
            found.add(task.name)
    return found


def upstream(dag: Dag, name: str) -> set[str]:
    """Tasks that ``name`` waits for, directly or not."""
    found = set(dag.tasks[name].upstream)
    for task in reversed(list(dag.tasks.values())):
        if task.name in found:
            found |= set(task.upstream)
    return found
