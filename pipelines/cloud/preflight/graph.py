"""The graph: what a task names is there, and what it reads is made before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.cloud.assembly import Assembly
from pipelines.cloud.settings import CloudSettings
from pipelines.experiments import unknown

Part = Mapping[str, Any]


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:  # noqa: ARG001  one signature for all checks
    """Problems of every scope of a spec."""
    spec = assembly.spec
    components = mapping(spec.get("components"))
    executors = mapping(mapping(spec.get("deploymentSpec")).get("executors"))
    found = []
    root = mapping(spec.get("root"))
    if not mapping(mapping(root.get("dag")).get("tasks")):
        found.append("root: expected dag.tasks with at least one task; compile the pipeline again")
    for name, component in components.items():
        found += _component(name, mapping(component), executors)
    for scope, component in (("root", root), *components.items()):
        if "dag" in mapping(component):
            found += _scope(scope, component, components)
    return found


def _component(name: str, component: Part, executors: Part) -> Iterator[str]:
    if "dag" in component:
        return
    label = component.get("executorLabel", "")
    if not label:
        yield f"components.{name}: expected dag or executorLabel, got neither; compile the pipeline again"
    elif label not in executors:
        yield f"components.{name}: {unknown('executor', label, list(executors))}; compile the pipeline again"


def _scope(scope: str, component: Part, components: Part) -> Iterator[str]:
    tasks = {name: mapping(task) for name, task in mapping(mapping(component["dag"]).get("tasks")).items()}
    inputs = mapping(component.get("inputDefinitions"))
    for name, task in tasks.items():
        where = f"{scope}.{name}"
        reference = mapping(task.get("componentRef")).get("name", "")
        if reference not in components:
            yield f"{where}: {unknown('component', reference, list(components))}; compile the pipeline again"
        for other in task.get("dependentTasks") or []:
            if other not in tasks:
                yield f"{where} waits for {unknown('task', other, list(tasks))}; compile the pipeline again"
        yield from _sources(where, task, tasks, inputs, components)
        yield from _missing(where, task, mapping(components.get(reference)))
    yield from _outputs(scope, component, tasks)
    yield from _circle(scope, tasks)


def _sources(where: str, task: Part, tasks: Part, inputs: Part, components: Part) -> Iterator[str]:
    for section, output in (("parameters", "outputParameterKey"), ("artifacts", "outputArtifactKey")):
        for name, source in mapping(mapping(task.get("inputs")).get(section)).items():
            source = mapping(source)
            given = source.get("componentInputParameter") or source.get("componentInputArtifact")
            if given and given not in mapping(inputs.get(section)) and not _of_loop(task, given):
                yield (
                    f"{where}.{name} reads {unknown('input', given, list(mapping(inputs.get(section))))}; compile again"
                )
            made = mapping(source.get("taskOutputParameter") or source.get("taskOutputArtifact"))
            if not made:
                continue
            producer = made.get("producerTask", "")
            if producer not in tasks:
                yield f"{where}.{name} reads from {unknown('task', producer, list(tasks))}; compile again"
                continue
            reference = mapping(tasks[producer].get("componentRef")).get("name", "")
            outputs = mapping(mapping(mapping(components.get(reference)).get("outputDefinitions")).get(section))
            if made.get(output) not in outputs:
                yield (
                    f"{where}.{name} reads "
                    f"{producer}.{unknown('output', made.get(output, ''), list(outputs))}; compile again"
                )


def _of_loop(task: Part, name: str) -> bool:
    iterators = (task.get("parameterIterator"), task.get("artifactIterator"))
    return any(name == mapping(iterator).get("itemInput") for iterator in iterators)


def _missing(where: str, task: Part, component: Part) -> Iterator[str]:
    """Inputs that a component needs and a task does not give."""
    given, wanted = mapping(task.get("inputs")), mapping(component.get("inputDefinitions"))
    for section in ("parameters", "artifacts"):
        for name, definition in mapping(wanted.get(section)).items():
            definition = mapping(definition)
            needed = not definition.get("isOptional") and "defaultValue" not in definition
            if needed and name not in mapping(given.get(section)) and not _of_loop(task, name):
                yield f"{where}: its input {name} is not given; pass it in the graph and compile again"


def _outputs(scope: str, component: Part, tasks: Part) -> Iterator[str]:
    for section, key in (("parameters", "valueFromParameter"), ("artifacts", "artifactSelectors")):
        for name, output in mapping(mapping(mapping(component["dag"]).get("outputs")).get(section)).items():
            selectors = mapping(output).get(key) or []
            for selector in selectors if isinstance(selectors, list) else [selectors]:
                producer = mapping(selector).get("producerSubtask", "")
                if producer not in tasks:
                    yield f"{scope}: output {name} is of {unknown('task', producer, list(tasks))}; compile again"


def _circle(scope: str, tasks: Part) -> Iterator[str]:
    waiting = {name: {other for other in _upstream(task) if other in tasks} for name, task in tasks.items()}
    while ready := [name for name, upstream in waiting.items() if not upstream]:
        for name in ready:
            del waiting[name]
        for upstream in waiting.values():
            upstream.difference_update(ready)
    if waiting:
        yield f"{scope}: tasks wait for each other: {', '.join(sorted(waiting))}; remove one .after() and compile again"


def _upstream(task: Part) -> set[str]:
    sources = [
        mapping(source) for section in ("parameters", "artifacts")
        for source in mapping(mapping(task.get("inputs")).get(section)).values()
    ]  # fmt: skip
    made = [mapping(source.get("taskOutputParameter") or source.get("taskOutputArtifact")) for source in sources]
    return {*(task.get("dependentTasks") or []), *(each["producerTask"] for each in made if "producerTask" in each)}


def mapping(value: Any) -> Part:
    """A mapping, an empty one for anything else: what is wrong with it is said by the check of fields."""
    return value if isinstance(value, Mapping) else {}
