"""Parameters: all there, none too many, each of its type, none too large for a command line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.cloud.assembly import Assembly
from pipelines.cloud.preflight.graph import mapping
from pipelines.cloud.settings import CloudSettings

LARGEST = 100_000
"""Bytes that one task's parameters may be as JSON. They reach the container as one word of its command line, of which
Linux allows 131,072 bytes; the rest is for the addresses of artifacts."""

KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,), "NUMBER_INTEGER": (int,), "NUMBER_DOUBLE": (int, float), "BOOLEAN": (bool,), "LIST": (list,),
    "STRUCT": (dict,),
}  # fmt: skip


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:  # noqa: ARG001  one signature for all checks
    """Problems of the values a run is given, against what the pipeline declares."""
    inputs = mapping(mapping(assembly.spec.get("root")).get("inputDefinitions"))
    declared = mapping(inputs.get("parameters"))
    given = assembly.parameters
    found = [
        f"parameter {name} is missing: the pipeline needs it. Next: --param {name}=VALUE"
        for name, definition in declared.items()
        if name not in given and "defaultValue" not in definition and not definition.get("isOptional")
    ]
    for name, value in given.items():
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            found.append(f"unknown parameter {name}: {hint}It takes {', '.join(declared) or 'none'}")
        else:
            found += _value(name, value, declared[name])
    return found + list(_size(assembly.spec, given))


def _value(name: str, value: Any, definition: Mapping[str, Any]) -> Iterator[str]:
    kind = definition.get("parameterType", "")
    if value is None and definition.get("isOptional"):
        return
    if kind in KINDS and (not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "BOOLEAN")):
        yield (
            f"parameter {name}: expected {kind.lower().replace('number_', '')}, got {type(value).__name__} "
            f"{str(value)[:40]!r}. "
            f"Next: --param {name}=VALUE"
        )
    literals = definition.get("literals") or []
    if literals and value not in literals:
        yield f"parameter {name}: expected one of {', '.join(map(str, literals))}, got {value!r}"


def _size(spec: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    for task, body in mapping(mapping(mapping(spec.get("root")).get("dag")).get("tasks")).items():
        wanted = mapping(mapping(body.get("inputs")).get("parameters")).values()
        names = {source.get("componentInputParameter") for source in wanted} & given.keys()
        sizes = {name: len(json.dumps(given[name]).encode()) for name in names}
        component = (spec.get("components") or {}).get((body.get("componentRef") or {}).get("name", ""), {})
        if "dag" not in component and sum(sizes.values()) > LARGEST:
            largest = max(sizes, key=lambda name: sizes[name])
            yield (
                f"{task}: its parameters are {sum(sizes.values()):,} bytes, more than {LARGEST:,}, of which {largest} "
                f"{sizes[largest]:,}. Next: put {largest} into a file at {'gs://'} and give its address"
            )
