"""The scheduler: decides what runs next, and what each outcome means for the tasks that wait for it.

A task whose upstream failed is skipped, unless it asked to run however they end (exit handlers,
``ignore_upstream_failure``). Everything that does not depend on a failure still runs, as on a cluster, unless
``fail_fast`` is set. A scope with a failed task has failed.
"""

from __future__ import annotations

import heapq
import itertools
import json
import time
from collections import deque
from typing import Any

from local_runner import conditions, inputs
from local_runner.desk import TaskDesk
from local_runner.errors import MissingInputError, RunnerError
from local_runner.executor import failure
from local_runner.inputs import Outcome, Resolved, Values
from local_runner.job import Result
from local_runner.lanes import Lane
from local_runner.plan import Dag, Loop, Pipeline, Task
from local_runner.records import State, TaskKind
from local_runner.scopes import Done, LoopRun, Scope, Turn
from local_runner.values import plain, shorten


class Scheduler:
    """Runs one pipeline to its end.

    Args:
        pipeline: the plan.
        lane: where leaf tasks run.
        desk: opens and closes task records, and answers from the cache.
        resource_name: name of the run, for final statuses.
        fail_fast: begin no new task after the first failure, other than those that run after a failure.
    """

    def __init__(self, pipeline: Pipeline, lane: Lane, desk: TaskDesk, resource_name: str, *, fail_fast: bool) -> None:
        self.pipeline, self.lane, self.desk = pipeline, lane, desk
        self.resource_name, self.fail_fast = resource_name, fail_fast
        self.ready: deque[Turn] = deque()
        self.later: list[tuple[float, int, Turn]] = []
        self.running: dict[str, Turn] = {}
        self.count = itertools.count()
        self.first_failure: Outcome | None = None

    def run(self, values: Values) -> Outcome:
        """Run every task; returns the pipeline's own outcome."""
        ends: list[Outcome] = []
        self.open_scope(self.pipeline.root, "", values, ends.append)
        while self.ready or self.later or self.running:
            self._wake()
            while self.ready and len(self.running) < self.lane.size:
                self.begin(self.ready.popleft())
            self.desk.flush()
            if self.running:
                for job, result in self.lane.wait(self._patience()):
                    self.finish(self.running.pop(job.path), result)
            elif not self.ready and self.later:
                time.sleep(max(0.0, self.later[0][0] - time.monotonic()))
        return ends[0]

    def _patience(self) -> float | None:
        return max(0.0, self.later[0][0] - time.monotonic()) if self.later else None

    def _wake(self) -> None:
        """Move tasks whose wait before a retry is over to the ready ones."""
        while self.later and self.later[0][0] <= time.monotonic():
            self.ready.append(heapq.heappop(self.later)[2])

    # -- scopes ----------------------------------------------------------------------------------------------------

    def open_scope(self, dag: Dag, prefix: str, values: Values, done: Done, *, retried: bool = False) -> None:
        """Begin a scope; ``done`` is called when its last task is over."""
        scope = Scope(dag, prefix, values, done, retried)
        values.resource_name = self.resource_name
        self.ready.extend(Turn(task, scope) for task in scope.first())
        if scope.over:
            self._close_scope(scope)

    def _close_scope(self, scope: Scope) -> None:
        failed = scope.failure()
        if failed is not None:
            scope.done(Outcome(State.FAILED, error=failed.error))
        else:
            scope.done(Outcome(State.SUCCEEDED, *inputs.scope_outputs(scope.dag.outputs, scope.values)))

    def settle(self, turn: Turn, outcome: Outcome) -> None:
        """Note how a task ended and free what waited for it."""
        if outcome.state == State.FAILED and self.first_failure is None:
            self.first_failure = outcome
        self.ready.extend(Turn(task, turn.scope) for task in turn.scope.settle(turn.task.name, outcome))
        if turn.scope.over:
            self._close_scope(turn.scope)

    # -- a task's turn ---------------------------------------------------------------------------------------------

    def begin(self, turn: Turn) -> None:
        """A task's turn has come: skip it, look inside it, or run it."""
        reason = self._reason_to_skip(turn)
        if reason:
            self.desk.skipped(turn, reason)
            self.settle(turn, Outcome(State.SKIPPED, blocked=True))
            return
        try:
            resolved = inputs.resolve(turn.task, turn.scope.values)
            if turn.task.condition and not self._holds(turn, resolved):
                self.desk.skipped(turn, f"condition is false: {turn.task.condition}")
                self.settle(turn, Outcome(State.SKIPPED))
            elif turn.task.loop is not None:
                self._begin_loop(turn, turn.task.loop, resolved)
            elif (dag := self.pipeline.scope(turn.task)) is not None:
                self._begin_dag(turn, dag, resolved)
            else:
                self._begin_leaf(turn, resolved)
        except RunnerError as error:
            self._fail(turn, error)

    def _holds(self, turn: Turn, resolved: Resolved) -> bool:
        """A condition compares values of declared types: KFP declares a field of a loop's item as text, for one."""
        definitions = self.pipeline.components[turn.task.component].get("inputDefinitions") or {}
        parameters = inputs.as_declared(resolved.parameters, definitions, turn.path)
        return conditions.holds(turn.task.condition, parameters)

    def _reason_to_skip(self, turn: Turn) -> str:
        if turn.path in self.desk.options.skip:
            return "left out by --only"
        if turn.task.runs_after_failure:
            return ""
        if self.fail_fast and self.first_failure is not None:
            return "the run stops at its first failure"
        for name in turn.task.upstream:
            outcome = turn.scope.values.outcomes[name]
            if outcome.state == State.FAILED:
                return f"task {name} failed"
            if outcome.blocked:
                return f"task {name} did not run"
        return ""

    def _fail(self, turn: Turn, error: RunnerError) -> None:
        result = failure(error)
        self.desk.failed(turn, result)
        self.settle(turn, Outcome(State.FAILED, error=error))

    # -- scopes as tasks -------------------------------------------------------------------------------------------

    def _begin_dag(self, turn: Turn, dag: Dag, resolved: Resolved) -> None:
        values = self._inner_values(turn, resolved)
        self.desk.opened(turn, TaskKind.DAG, values)
        self.open_scope(
            dag, f"{turn.path}/", values, lambda outcome: self._close_group(turn, outcome), retried=not turn.first
        )

    def _inner_values(self, turn: Turn, resolved: Resolved) -> Values:
        definitions = self.pipeline.components[turn.task.component].get("inputDefinitions") or {}
        return Values(
            inputs.with_defaults(resolved.parameters, definitions), resolved.artifacts, outer=turn.scope.values
        )

    def _begin_loop(self, turn: Turn, spec: Loop, resolved: Resolved) -> None:
        items = deque(enumerate(_items(turn.task, resolved)))
        values = self._inner_values(turn, resolved)
        self.desk.opened(turn, TaskKind.LOOP, values)
        self._advance(LoopRun(turn, spec, values.parameters, values.artifacts, items))

    def _advance(self, loop: LoopRun) -> None:
        """Begin iterations up to the loop's own limit and the lane's size; close the loop after the last."""
        limit = min(loop.turn.task.parallelism or self.lane.size, self.lane.size)
        if self.fail_fast and self.first_failure is not None:
            loop.items.clear()
        while loop.items and loop.active < limit:
            self._begin_iteration(loop, *loop.items.popleft())
        if loop.over and not loop.closed:
            loop.closed = True
            self._close_loop(loop)

    def _begin_iteration(self, loop: LoopRun, index: int, item: Any) -> None:
        parameters, artifacts = dict(loop.parameters), dict(loop.artifacts)
        if loop.spec.artifacts:
            artifacts[loop.spec.item] = (item,)
        else:
            parameters[loop.spec.item] = item
        loop.active += 1

        def done(outcome: Outcome) -> None:
            loop.active -= 1
            loop.outcomes[index] = outcome
            self._advance(loop)

        prefix = f"{loop.turn.path}/{index}/"
        body = self.pipeline.dags[loop.turn.task.component]
        values = Values(parameters, artifacts, outer=loop.turn.scope.values)
        self.open_scope(body, prefix, values, done, retried=not loop.turn.first)

    def _close_loop(self, loop: LoopRun) -> None:
        failed = next((o for o in loop.outcomes.values() if o.state == State.FAILED), None)
        if failed is not None:
            outcome = Outcome(State.FAILED, error=failed.error)
        else:
            definitions = self.pipeline.components[loop.turn.task.component].get("outputDefinitions") or {}
            outcome = Outcome(State.SUCCEEDED, *loop.collect(definitions))
        self._close_group(loop.turn, outcome)

    def _close_group(self, turn: Turn, outcome: Outcome) -> None:
        """A nested DAG or loop is over: try it again if it failed and may be, otherwise settle it."""
        self.desk.closed(turn, outcome)
        if outcome.state == State.FAILED and turn.attempt < turn.task.retry.times:
            self._again(turn)
        else:
            self.settle(turn, outcome)

    # -- leaves ----------------------------------------------------------------------------------------------------

    def _begin_leaf(self, turn: Turn, resolved: Resolved) -> None:
        known = self.desk.known(turn)
        if known is not None:
            self.settle(turn, known)
            return
        job = self.desk.job(turn, resolved)
        reused = self.desk.reuse(turn, job)
        if reused is not None:
            self.settle(turn, reused)
            return
        self.desk.started(turn, job)
        self.running[job.path] = turn
        self.lane.start(job)

    def finish(self, turn: Turn, result: Result) -> None:
        """A leaf ended: record it, and try it again if it failed and may be."""
        if result.error is None:
            self.settle(turn, self.desk.succeeded(turn, result))
            return
        retry = turn.task.retry
        if turn.attempt < retry.times and getattr(result.error, "exit_code", 1) != 2:
            self.desk.retried(turn, result, retry.delay(turn.attempt))
            self._again(turn)
            return
        self.desk.failed(turn, result)
        self.settle(turn, Outcome(State.FAILED, error=result.error))

    def _again(self, turn: Turn) -> None:
        due = time.monotonic() + turn.task.retry.delay(turn.attempt)
        following = Turn(turn.task, turn.scope, turn.attempt + 1, turn.record)
        heapq.heappush(self.later, (due, next(self.count), following))


def _items(task: Task, resolved: Resolved) -> list[Any]:
    """The items a loop goes over.

    Raises:
        MissingInputError: the input that should hold them does not hold a list.
    """
    loop = task.loop
    if loop is None:
        return []
    if loop.artifacts:
        return list(resolved.artifacts.get(loop.source, ()))
    if not loop.source:
        return [plain(item) for item in loop.items]
    value = resolved.parameters.get(loop.source)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, list):
        raise MissingInputError(f"loop {task.name}: expected a list in input {loop.source}, got {shorten(value)}")
    return [plain(item) for item in value]
