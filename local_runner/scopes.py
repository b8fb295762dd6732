"""Scopes while they run: one DAG in progress, one loop in progress, one task waiting for its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_runner.inputs import ArtifactLists, Outcome, Parameters, Values
from local_runner.plan import Dag, Loop, Task
from local_runner.records import State, TaskRecord

Done = Callable[[Outcome], None]


@dataclass
class Scope:
    """One DAG in progress.

    Attributes:
        prefix: path of the scope, with a trailing slash unless it is the outermost.
        waiting: upstream tasks that each task still waits for.
        retried: the scope, or one around it, is tried again: nothing done before counts.
        done: called with the scope's own outcome when its last task is over.
    """

    dag: Dag
    prefix: str
    values: Values
    done: Done
    retried: bool = False
    waiting: dict[str, set[str]] = field(init=False)
    followers: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = {name: set(task.upstream) for name, task in self.dag.tasks.items()}
        self.followers = {name: [] for name in self.dag.tasks}
        for name, task in self.dag.tasks.items():
            for up in task.upstream:
                self.followers[up].append(name)

    def first(self) -> list[Task]:
        """Tasks that wait for nothing."""
        return [task for task in self.dag.tasks.values() if not task.upstream]

    def settle(self, name: str, outcome: Outcome) -> list[Task]:
        """Note how a task ended; returns the tasks that waited for it alone."""
        self.values.outcomes[name] = outcome
        freed = []
        for follower in self.followers[name]:
            self.waiting[follower].discard(name)
            if not self.waiting[follower]:
                freed.append(self.dag.tasks[follower])
        return freed

    @property
    def over(self) -> bool:
        """Every task has an outcome."""
        return len(self.values.outcomes) == len(self.dag.tasks)

    def failure(self) -> Outcome | None:
        """The first failed task's outcome."""
        return next((o for o in self.values.outcomes.values() if o.state == State.FAILED), None)


@dataclass
class Turn:
    """One attempt at one task of a scope."""

    task: Task
    scope: Scope
    attempt: int = 0
    record: TaskRecord | None = None

    @property
    def path(self) -> str:
        """Where the task stands in the run."""
        return self.scope.prefix + self.task.name

    @property
    def first(self) -> bool:
        """Neither the task nor a scope around it is being tried again."""
        return not self.attempt and not self.scope.retried


@dataclass
class LoopRun:
    """One loop in progress: items not yet begun, and the outcomes so far by position."""

    turn: Turn
    spec: Loop
    parameters: Parameters
    artifacts: ArtifactLists
    items: deque[tuple[int, Any]]
    active: int = 0
    closed: bool = False
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """No iteration is running or waiting."""
        return not self.active and not self.items

    def collect(self, definitions: Mapping[str, Any]) -> tuple[Parameters, ArtifactLists]:
        """Declared outputs of all iterations in item order: values in a list, artifacts in one flat list.

        An iteration that left no such output, because its producer was skipped, adds nothing.
        """
        ordered = [self.outcomes[index] for index in sorted(self.outcomes)]
        parameters = {
            name: [outcome.parameters[name] for outcome in ordered if name in outcome.parameters]
            for name in definitions.get("parameters") or {}
        }
        artifacts = {
            name: tuple(artifact for outcome in ordered for artifact in outcome.artifacts.get(name, ()))
            for name in definitions.get("artifacts") or {}
        }
        return parameters, artifacts
