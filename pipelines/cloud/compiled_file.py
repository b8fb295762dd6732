"""A compiled pipeline that somebody brings as a file: read, and each part of it is of the kind that others rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components.shared.errors import InputError

EACH = "*"
"""Stands for every key of a mapping."""
_DEFINITIONS = {"parameters": {EACH: {}}, "artifacts": {EACH: {}}}
_ITERATOR = {"items": {}}
_TASK = {
    "componentRef": {}, "taskInfo": {}, "inputs": _DEFINITIONS, "parameterIterator": _ITERATOR,
    "artifactIterator": _ITERATOR, "cachingOptions": {},
}  # fmt: skip
_COMPONENT = {"dag": {"tasks": {EACH: _TASK}}, "inputDefinitions": _DEFINITIONS, "outputDefinitions": _DEFINITIONS}
_CONTAINER = {"resources": {"accelerator": {}}}
_SPEC = {
    "pipelineInfo": {}, "root": _COMPONENT, "components": {EACH: _COMPONENT},
    "deploymentSpec": {"executors": {EACH: {"container": _CONTAINER}}},
}  # fmt: skip
_FREE = ("defaultValue", "constant", "metadata")
"""Keys that hold whatever a user gave."""
_MACHINE: dict[str, type | tuple[type, ...]] = {
    "machine_type": str, "accelerator_type": str, "tpu_topology": str, "accelerator_count": (int, float),
}  # fmt: skip
NEEDED = ("pipelineInfo", "root", "deploymentSpec")


def yaml_load(text: str) -> Any:
    """Plain values from YAML, by the fast parser where PyYAML has it."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read(path: Path) -> dict[str, Any]:
    """The spec of a compiled file.

    Raises:
        InputError: it cannot be read, is no compiled pipeline, or parts of it are not what they must be, all named.
    """
    try:
        spec = yaml_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not isinstance(spec, dict) or not set(NEEDED) <= spec.keys():
        raise InputError(f"{path} is not a compiled pipeline: expected pipelineInfo, root and deploymentSpec")
    if found := [*_nothings(spec, ""), *_no_mappings(spec, _SPEC, "")] or [*_wrong_kinds(spec), *_wrong_pools(spec)]:
        raise InputError(found, heading=f"{path} is not a compiled pipeline; compile it again:")
    spec["deploymentSpec"].setdefault("executors", {})
    return spec


def _nothings(part: Any, path: str) -> Iterator[str]:
    """Every key without a value, which KFP never writes outside of what users give."""
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in items:
        if value is None:
            yield f"{path}{key}: expected a value, got nothing"
        elif key not in _FREE:
            yield from _nothings(value, f"{path}{key}.")


def _wrong_pools(spec: dict[str, Any]) -> Iterator[str]:
    """The machines of custom jobs, which are free-form for KFP's reader."""
    for name, component in spec.get("components", {}).items():
        defined = component.get("inputDefinitions", {}).get("parameters", {}).get("worker_pool_specs", {})
        pools, path = defined.get("defaultValue", []), f"components.{name} worker_pool_specs"
        if not isinstance(pools, list):
            yield f"{path}: expected a list, got {type(pools).__name__}"
            continue
        for number, pool in enumerate(pools):
            yield from _no_mappings(pool, {"machine_spec": {}, "container_spec": {}}, f"{path}[{number}].")
            machine = pool.get("machine_spec") if isinstance(pool, dict) else None
            for key, kind in _MACHINE.items() if isinstance(machine, dict) else ():
                if key in machine and not isinstance(machine[key], kind):
                    yield f"{path}[{number}].machine_spec.{key}: got {type(machine[key]).__name__} {machine[key]!r}"


def _wrong_kinds(spec: dict[str, Any]) -> Iterator[str]:
    """Texts that are numbers and the like, as far as KFP's own reader goes: to the first in each half of the file."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2 as ir

    for part, message in ((spec, ir.PipelineSpec()), (spec["deploymentSpec"], ir.PipelineDeploymentConfig())):
        try:
            json_format.ParseDict(part, message, ignore_unknown_fields=True)
        except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
            yield f"{type(message).__name__}: {error}"


def _no_mappings(part: Any, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(part, dict):
        yield f"{path.rstrip('.')}: expected a mapping, got {type(part).__name__}"
        return
    for key, value in part.items():
        inner = shape.get(key, shape.get(EACH))
        if inner is not None and value is not None:
            yield from _no_mappings(value, inner, f"{path}{key}.")
