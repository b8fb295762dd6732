"""The plan: a compiled file read into tasks, edges and scopes, checked before anything runs.

A scope is one DAG: the pipeline itself, a nested pipeline, a condition group, a loop body or an exit handler's body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from local_runner.errors import PlanError
from local_runner.google import unwrap
from local_runner.records import TaskKind

DEADLINE = "activeDeadlineSeconds"
"""Key of an executor section: seconds a task may take."""


@dataclass(frozen=True)
class Retry:
    """How often a failed task is tried again, and the wait before it, in seconds."""

    times: int = 0
    wait: float = 0.0
    factor: float = 2.0
    longest: float = 3600.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number ``attempt`` (from 0)."""
        return min(self.wait * self.factor**attempt, self.longest)


@dataclass(frozen=True)
class Loop:
    """What a loop iterates over.

    Attributes:
        item: the body's input that takes one item.
        source: the input that holds the list; empty when the items are written in the file.
        items: those items.
        artifacts: items are artifacts rather than parameters.
    """

    item: str
    source: str
    items: tuple[Any, ...]
    artifacts: bool


@dataclass(frozen=True)
class Task:
    """One task of a scope.

    Attributes:
        upstream: names of the tasks it waits for: those it names and those whose outputs it reads.
        condition: trigger condition, empty when it always runs.
        runs_after_failure: it runs once its upstream tasks are over, however they ended.
        parallelism: at most so many iterations at a time; 0 means no limit.
        inputs: the compiled ``inputs`` section.
    """

    name: str
    component: str
    kind: TaskKind
    upstream: tuple[str, ...]
    inputs: Mapping[str, Any]
    condition: str
    runs_after_failure: bool
    retry: Retry
    cache: bool
    loop: Loop | None
    parallelism: int


@dataclass(frozen=True)
class Dag:
    """One scope: its tasks in an order in which they can run, and where its outputs come from."""

    tasks: Mapping[str, Task]
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """A compiled pipeline.

    Attributes:
        text: the compiled file, byte for byte.
        root: the outermost scope; ``dags`` holds the others by component name.
        components, executors: the compiled sections.
        inputs: the pipeline's own input definitions.
    """

    name: str
    text: str
    root: Dag
    dags: Mapping[str, Dag]
    components: Mapping[str, Any]
    executors: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def executor(self, component: str) -> Mapping[str, Any]:
        """The executor section of a leaf component."""
        found: Mapping[str, Any] = self.executors[self.components[component]["executorLabel"]]
        return found

    def kind(self, task: Task) -> TaskKind:
        """What is inside a task, looking through a loop."""
        if task.component in self.dags:
            return TaskKind.DAG
        return executor_kind(self.executor(task.component))

    def scope(self, task: Task) -> Dag | None:
        """The DAG inside a task, None for a leaf."""
        return self.dags.get(task.component)

    def walk(self) -> Iterator[tuple[str, Task]]:
        """Every task of the static graph with its path, outer scopes first."""
        yield from self._walk(self.root, "")

    def _walk(self, dag: Dag, prefix: str) -> Iterator[tuple[str, Task]]:
        for task in dag.tasks.values():
            yield prefix + task.name, task
            inner = self.scope(task)
            if inner is not None:
                yield from self._walk(inner, f"{prefix}{task.name}/")


def read(path: str | Path) -> Pipeline:
    """Read a compiled file.

    Raises:
        PlanError: it cannot be read, is not a compiled KFP v2 pipeline, or its graph does not hold together.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read {path}: {error}") from error
    return parse(text, name=str(path))


@lru_cache(maxsize=8)  # a plan never changes, and reading a long file is most of the cost of a short run
def parse(text: str, *, name: str = "the compiled pipeline") -> Pipeline:
    """Read compiled text; see :func:`read`.

    A second document holds settings for Kubernetes; of these only the tasks' deadlines mean something here.
    """
    import yaml

    from local_runner import yaml_text

    try:
        spec, *further = yaml_text.documents(text) or [None]
    except yaml.YAMLError as error:
        raise PlanError(f"{name} is not valid YAML: {error}") from error
    if not isinstance(spec, dict) or "root" not in spec or "pipelineInfo" not in spec:
        raise PlanError(
            f"{name} is not a compiled KFP v2 pipeline: expected the keys pipelineInfo, root and components"
        )
    if "dag" not in spec["root"]:
        raise PlanError(f"{name}: expected root.dag, got {', '.join(sorted(spec['root'])) or 'nothing'}")
    return _Builder(spec, text, _deadlines(further)).build()


class _Builder:
    """Reads every scope and collects every problem before it complains."""

    def __init__(self, spec: Mapping[str, Any], text: str, deadlines: Mapping[str, float]) -> None:
        self.spec, self.text = spec, text
        executors = (spec.get("deploymentSpec") or {}).get("executors") or {}
        components, unwrapped = unwrap(spec.get("components") or {}, executors)
        self.components = components
        self.executors = {
            label: {**body, DEADLINE: deadlines[label]} if label in deadlines else body
            for label, body in unwrapped.items()
        }
        self.problems: list[str] = []

    def build(self) -> Pipeline:
        root = self.dag(self.spec["root"], "root")
        dags = {name: self.dag(body, name) for name, body in self.components.items() if "dag" in body}
        if self.problems:
            raise PlanError(self.problems)
        return Pipeline(
            self.spec["pipelineInfo"].get("name", "pipeline"), self.text, root, dags, self.components, self.executors,
            self.spec["root"].get("inputDefinitions") or {}, self.spec["root"].get("outputDefinitions") or {},
        )  # fmt: skip

    def dag(self, body: Mapping[str, Any], where: str) -> Dag:
        raw = body["dag"].get("tasks") or {}
        tasks = {name: self.task(name, spec, where) for name, spec in raw.items()}
        for task in tasks.values():
            self.problems += [
                f"{where}/{task.name} waits for task {missing!r}, which is not in this scope"
                for missing in task.upstream
                if missing not in tasks
            ]
        return Dag(self.ordered(tasks, where), body["dag"].get("outputs") or {})

    def ordered(self, tasks: Mapping[str, Task], where: str) -> dict[str, Task]:
        """Topological order, file order among equals."""
        waiting = {name: {up for up in task.upstream if up in tasks} for name, task in tasks.items()}
        downstream: dict[str, list[str]] = {name: [] for name in tasks}
        for name, upstream in waiting.items():
            for up in upstream:
                downstream[up].append(name)
        ready = [name for name, upstream in waiting.items() if not upstream]
        order: dict[str, Task] = {}
        for name in ready:  # grows while it is read
            order[name] = tasks[name]
            for follower in downstream[name]:
                waiting[follower].discard(name)
                if not waiting[follower]:
                    ready.append(follower)
        if len(order) < len(tasks):
            self.problems.append(f"{where}: tasks wait for each other: {', '.join(sorted(set(tasks) - set(order)))}")
        return order

    def task(self, name: str, spec: Mapping[str, Any], where: str) -> Task:
        component = (spec.get("componentRef") or {}).get("name", "")
        trigger = spec.get("triggerPolicy") or {}
        inputs = spec.get("inputs") or {}
        loop = _loop(spec)
        return Task(
            name=name,
            component=component,
            kind=TaskKind.LOOP if loop else self.kind(component, f"{where}/{name}"),
            upstream=tuple(dict.fromkeys([*(spec.get("dependentTasks") or []), *_producers(inputs)])),
            inputs=inputs,
            condition=trigger.get("condition", ""),
            runs_after_failure=trigger.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED",
            retry=_retry(spec.get("retryPolicy") or {}),
            cache=bool((spec.get("cachingOptions") or {}).get("enableCache", False)),
            loop=loop,
            parallelism=int((spec.get("iteratorPolicy") or {}).get("parallelismLimit", 0)),
        )

    def kind(self, component: str, where: str) -> TaskKind:
        body = self.components.get(component)
        if body is None:
            self.problems.append(f"{where} uses component {component!r}, which the file does not define")
            return TaskKind.DAG
        if "dag" in body:
            return TaskKind.DAG
        executor = self.executors.get(body.get("executorLabel", ""))
        if executor is None:
            self.problems.append(f"{where} uses executor {body.get('executorLabel')!r}, which the file does not define")
            return TaskKind.CONTAINER
        if "importer" not in executor and "container" not in executor:
            self.problems.append(f"{where} needs an executor of kind {', '.join(executor)}, which only a cluster has")
        return executor_kind(executor)


def executor_kind(executor: Mapping[str, Any]) -> TaskKind:
    """What an executor section runs."""
    if "importer" in executor:
        return TaskKind.IMPORTER
    container = executor.get("container") or {}
    words = [*container.get("command", []), *container.get("args", [])]
    return TaskKind.PYTHON if "--function_to_execute" in words else TaskKind.CONTAINER


def _deadlines(documents: Sequence[Any]) -> dict[str, float]:
    """Seconds that tasks may take by executor, from the settings for Kubernetes behind a compiled pipeline."""
    found: dict[str, float] = {}
    for document in documents:
        platforms = document.get("platforms") if isinstance(document, dict) else None
        spec = ((platforms or {}).get("kubernetes") or {}).get("deploymentSpec") or {}
        for label, settings in (spec.get("executors") or {}).items():
            if seconds := (settings or {}).get(DEADLINE):
                found[label] = float(seconds)
    return found


def _loop(spec: Mapping[str, Any]) -> Loop | None:
    import json

    if iterator := spec.get("parameterIterator"):
        source = iterator["items"].get("inputParameter", "")
        items = () if source else tuple(json.loads(iterator["items"].get("raw", "[]")))
        return Loop(iterator["itemInput"], source, items, artifacts=False)
    if iterator := spec.get("artifactIterator"):
        return Loop(iterator["itemInput"], iterator["items"]["inputArtifact"], (), artifacts=True)
    return None


def _producers(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Tasks whose outputs (or final status) an ``inputs`` section reads."""
    for section in ("parameters", "artifacts"):
        for source in (inputs.get(section) or {}).values():
            for key in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
                if key in source:
                    yield source[key]["producerTask"]


def _retry(policy: Mapping[str, Any]) -> Retry:
    default = Retry()
    return Retry(
        int(policy.get("maxRetryCount", 0)),
        _seconds(policy.get("backoffDuration"), default.wait),
        float(policy.get("backoffFactor") or default.factor),
        _seconds(policy.get("backoffMaxDuration"), default.longest),
    )


def _seconds(duration: str | None, otherwise: float) -> float:
    match = re.fullmatch(r"([\d.]+)s", duration or "")
    return float(match[1]) if match else otherwise
