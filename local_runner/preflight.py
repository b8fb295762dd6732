"""What can be known to go wrong before anything starts: all of it, in one message."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from local_runner import conditions, container
from local_runner.component_code import embedded_source, function_name
from local_runner.component_files import ComponentFiles
from local_runner.errors import ConditionError, PlanError, UsageError
from local_runner.plan import Pipeline, Task
from local_runner.records import TaskKind

_INSTALL = re.compile(r"pip install(.*?)(?:&&|\n|$)", re.DOTALL)
_NEWER = re.compile(r"\bdsl\.(EmbeddedInput|TaskConfig)\b")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KFP = re.compile(r"kfp\b")
_GOOGLE = "google-cloud-pipeline-components"


def check(
    pipeline: Pipeline,
    files: ComponentFiles,
    *,
    allow_host: bool,
    stubs: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> None:
    """Check every task of a pipeline, but for branches that its parameters switch off.

    Raises:
        PlanError: naming every task that cannot run on this machine, why, and what to do.
    """
    problems: dict[str, None] = {}
    off = tuple(f"{name}/" for name in _switched_off(pipeline, parameters))
    for path, task in pipeline.walk():
        if path.startswith(off):
            continue
        if task.name not in stubs and task.component not in stubs and path not in stubs and not pipeline.scope(task):
            problems.update(dict.fromkeys(_problems(pipeline, task, files, allow_host)))
    unknown = [name for name in stubs if name not in _names(pipeline)]
    for name in unknown:
        from local_runner.errors import nearest

        problems[f"--stub {name}: no task or component of that name. {nearest(name, _names(pipeline))}"] = None
    if problems:
        raise PlanError(list(problems))


def _switched_off(pipeline: Pipeline, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Branches of the outermost scope whose condition is false by the pipeline's own parameters alone."""
    for task in pipeline.root.tasks.values():
        sources = (task.inputs.get("parameters") or {}).items()
        names = {name: source.get("componentInputParameter") for name, source in sources}
        known = {name: parameters[given] for name, given in names.items() if given in parameters}
        try:
            if task.condition and not conditions.holds(task.condition, known):
                yield task.name
        except ConditionError:
            continue  # it also asks what a task will have returned: the branch may run


def _names(pipeline: Pipeline) -> set[str]:
    return {name for path, task in pipeline.walk() for name in (path, task.name, task.component)}


def _problems(pipeline: Pipeline, task: Task, files: ComponentFiles, allow_host: bool) -> list[str]:
    kind = pipeline.kind(task)
    if kind == TaskKind.PYTHON:
        return _python_problems(task, pipeline.executor(task.component)["container"], files)
    if kind != TaskKind.CONTAINER:
        return []
    spec = pipeline.executor(task.component)["container"]
    image = str(spec.get("image", ""))
    if _GOOGLE in image:
        return [
            f"task {task.name} is a Google Cloud component ({task.component.removeprefix('comp-')}), which only runs"
            f" on Google Cloud; replace what it returns with --stub {task.name}=VALUE"
        ]
    if allow_host or container.engine():
        return []
    return [
        f"task {task.name} runs in the container image {image}: install podman or docker, or let its command run on"
        " this machine with --allow-host-commands"
    ]


def _python_problems(task: Task, spec: Mapping[str, Any], files: ComponentFiles) -> list[str]:
    source = embedded_source(spec)
    if source is not None:
        if unknown := _newer_names(source):
            return [
                f"task {task.name} uses {', '.join(unknown)}, which the installed kfp does not have: run it in an"
                " environment with a newer kfp"
            ]
        absent = [name for name in packages_to_install(spec) if not _installed(name)]
        advice = f"pip install {' '.join(shlex.quote(name) for name in absent)}"
        return [f"task {task.name} needs {', '.join(absent)}; install with: {advice}"] if absent else []
    words = [str(word) for word in (*spec.get("command", []), *spec.get("args", []))]
    if "--component_module_path" in words:
        return []
    try:
        files.file(function_name(spec))
    except UsageError as error:
        return [f"task {task.name}: {error}"]
    return []


def _newer_names(source: str) -> list[str]:
    """Names of a later SDK that a component's signature is executed with, and that this one lacks."""
    used = dict.fromkeys(_NEWER.findall(source))
    if not used:
        return []
    from kfp import dsl

    return [f"dsl.{name}" for name in used if not hasattr(dsl, name)]


def needs_files(pipeline: Pipeline) -> bool:
    """Whether a task's code is not in the compiled file, so that the list of component files is needed."""
    kinds = ((pipeline.kind(task), task) for _, task in pipeline.walk() if not pipeline.scope(task))
    return any(
        kind == TaskKind.PYTHON and embedded_source(pipeline.executor(task.component)["container"]) is None
        for kind, task in kinds
    )


def packages_to_install(spec: Mapping[str, Any]) -> list[str]:
    """What a lightweight component installs before it runs, without KFP itself."""
    wanted: dict[str, None] = {}
    for word in spec.get("command", []):
        for match in _INSTALL.finditer(str(word)):
            wanted.update(dict.fromkeys(_requirements(match[1])))
    return [name for name in wanted if not _KFP.match(name)]


@lru_cache(maxsize=256)  # the tasks of one component have one command line
def _requirements(text: str) -> tuple[str, ...]:
    """Positional words of a pip command line."""
    found, skip = [], False
    for word in shlex.split(text):
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in ("--index-url", "--extra-index-url", "--trusted-host", "-r", "-c", "-i")
        else:
            found.append(word)
    return tuple(found)


_seen_installed: set[str] = set()
"""Requirements that were met once. What is missing is looked for again: it may be installed between two runs."""


def _installed(requirement: str) -> bool:
    """Whether some version is installed; addresses and files are left for the task itself to miss."""
    if requirement in _seen_installed:
        return True
    import importlib.metadata

    name = _DISTRIBUTION.match(requirement)
    if name is None or "/" in requirement or "://" in requirement:
        return True
    try:
        importlib.metadata.distribution(name[0])  # not its version: reading the metadata takes a millisecond
    except importlib.metadata.PackageNotFoundError:
        return False
    _seen_installed.add(requirement)
    return True
