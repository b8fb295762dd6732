"""A pipeline's arguments: checked against what the compiled file declares, every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_runner.digests import is_remote
from local_runner.errors import UsageError, nearest
from local_runner.inputs import ArtifactLists, Parameters
from local_runner.plan import Pipeline
from local_runner.records import ArtifactRecord
from local_runner.values import typed


def from_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """``["epochs=3"]`` as arguments; a value that is not a string is read as JSON.

    Raises:
        UsageError: an assignment has no ``=``; names and types are checked by :func:`check`.
    """
    bad = [text for text in assignments if "=" not in text]
    if bad:
        raise UsageError([f"--param {text!r}: expected NAME=VALUE, for example --param epochs=3" for text in bad])
    return {name.strip(): value for name, _, value in (text.partition("=") for text in assignments)}


def check(pipeline: Pipeline, arguments: Mapping[str, Any]) -> tuple[Parameters, ArtifactLists]:
    """Arguments in their declared types with defaults filled in; artifact inputs are given by path or address.

    Raises:
        UsageError: unknown names, wrong types, missing values.
    """
    declared = pipeline.inputs.get("parameters") or {}
    artifacts = pipeline.inputs.get("artifacts") or {}
    problems = [
        f"unknown parameter {name!r}: {nearest(name, [*declared, *artifacts])}"
        for name in arguments
        if name not in declared and name not in artifacts
    ]
    parameters: Parameters = {}
    for name, spec in declared.items():
        value = arguments.get(name, spec.get("defaultValue"))
        kind = spec.get("parameterType", "")
        if value is None:
            problems += _absent(name, spec)
            continue
        try:
            parameters[name] = typed(value, kind)
        except ValueError as error:
            problems.append(f"parameter {name!r}: {error}")
    given = {name: _artifact(name, spec, arguments.get(name), problems) for name, spec in artifacts.items()}
    if problems:
        raise UsageError(problems)
    return parameters, {name: found for name, found in given.items() if found}


def _absent(name: str, spec: Mapping[str, Any]) -> list[str]:
    """What is wrong with giving a parameter no value, if anything is."""
    kind = spec.get("parameterType", "")
    if kind == "TASK_FINAL_STATUS":  # a component that takes one, run on its own: KFP compiles it as optional
        return [
            f"parameter {name!r} takes the final status of a task, which only an exit task or a task that ignores"
            " upstream failure is told; to try the component on its own, give it one:"
            f' --param {name}=\'{{"state": "FAILED"}}\''
        ]
    if spec.get("isOptional"):
        return []
    return [f"parameter {name!r} ({kind}) has no value; give one with --param {name}=VALUE"]


def _artifact(name: str, spec: Mapping[str, Any], value: Any, problems: list[str]) -> tuple[ArtifactRecord, ...]:
    kind = (spec.get("artifactType") or {}).get("schemaTitle", "system.Artifact")
    if value is None:
        if not spec.get("isOptional"):
            problems.append(f"artifact {name!r} ({kind}) has no value; give its path with --param {name}=PATH")
        return ()
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(record for item in items if (record := _one_artifact(name, kind, item, problems)))


def _one_artifact(name: str, kind: str, item: Any, problems: list[str]) -> ArtifactRecord | None:
    """A path, an address, or an object with ``uri`` and ``metadata`` such as ``dsl.Dataset``."""
    uri = str(getattr(item, "uri", item))
    if not is_remote(uri):
        path = Path(uri.removeprefix("file://")).expanduser().absolute()
        if not path.exists():
            problems.append(f"artifact {name!r}: nothing is at {path}")
            return None
        uri = str(path)
    return ArtifactRecord(getattr(item, "name", "") or name, kind, uri, dict(getattr(item, "metadata", {})))
