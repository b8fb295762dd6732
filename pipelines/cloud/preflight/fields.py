"""The spec's fields: all of them known, all of the right kind, as the service parses them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipelines.cloud.assembly import Assembly
from pipelines.cloud.settings import CloudSettings

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_SDK = re.compile(r"kfp-2\.(\d+)\.\d+(\.?(a|b|rc|dev|post)\d+)?")
SCHEMAS = ("2.0.0", "2.1.0")
VERTEX_KFP = 13
"""KFP from 2.14 on writes resource fields that Vertex AI does not know."""


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:  # noqa: ARG001  one signature for all checks
    """Problems of a spec read strictly as PipelineSpec, and of its deployment part as PipelineDeploymentConfig."""
    from kfp.pipeline_spec import pipeline_spec_pb2 as ir

    spec = assembly.spec
    found = list(unknown(spec, ir.PipelineSpec.DESCRIPTOR, ""))
    found += unknown(spec.get("deploymentSpec") or {}, ir.PipelineDeploymentConfig.DESCRIPTOR, "deploymentSpec.")
    for part, message in ((spec, ir.PipelineSpec()), (spec.get("deploymentSpec") or {}, ir.PipelineDeploymentConfig())):
        found += _wrong_kind(part, message)
    return found + _header(spec, assembly.target)


def _header(spec: dict[str, Any], target: str) -> list[str]:
    found = []
    info = spec.get("pipelineInfo")
    name = info.get("name", "") if isinstance(info, dict) else ""
    if not _NAME.fullmatch(str(name)):
        found.append(
            f"pipelineInfo.name: expected up to 128 small letters, digits and hyphens, got {name!r}; "
            "change the name in @dsl.pipeline"
        )
    schema, sdk = spec.get("schemaVersion", ""), str(spec.get("sdkVersion", ""))
    if schema not in SCHEMAS:
        found.append(f"schemaVersion: expected {' or '.join(SCHEMAS)}, got {schema!r}; compile the pipeline again")
    version = _SDK.fullmatch(sdk)
    if not version:
        found.append(f"sdkVersion: expected kfp-2.x.y, got {sdk!r}; compile the pipeline with KFP 2")
    elif target == "vertex" and int(version[1]) > VERTEX_KFP:
        found.append(
            f"sdkVersion: Vertex AI knows KFP up to 2.{VERTEX_KFP}, got {sdk}; compile with kfp=={2}.{VERTEX_KFP}"
        )
    return found


def unknown(content: Any, descriptor: Descriptor, path: str) -> Iterator[str]:
    """Every key that a message does not have, with the nearest one that it has."""
    if descriptor.full_name.startswith("google.protobuf."):  # free-form values
        return
    if not isinstance(content, dict):
        yield f"{path.rstrip('.')}: expected a mapping, got {type(content).__name__}; compile the pipeline again"
        return
    known = {name: field for field in descriptor.fields for name in (field.json_name, field.name)}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            yield f"unknown field {path}{key}{f': did you mean {near[0]}?' if near else '; remove it'}"
        elif (field := known[key]).message_type is not None:
            yield from _inside(value, field, f"{path}{key}")


def _inside(value: Any, field: Any, path: str) -> Iterator[str]:
    message = field.message_type
    if message.GetOptions().map_entry:
        kind = message.fields_by_name["value"].message_type
        if kind is not None and isinstance(value, dict):
            for key, item in value.items():
                yield from unknown(item, kind, f"{path}.{key}.")
    elif field.label == field.LABEL_REPEATED and isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown(item, message, f"{path}[{number}].")
    else:
        yield from unknown(value, message, f"{path}.")


def _wrong_kind(content: Any, message: Any) -> list[str]:
    from google.protobuf import json_format

    try:
        json_format.ParseDict(json.loads(json.dumps(content)), message, ignore_unknown_fields=True)
    except (json_format.ParseError, AttributeError, TypeError) as error:
        return [f"{type(message).__name__}: {error}; compile the pipeline again"]
    return []
