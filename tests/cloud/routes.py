"""Which request of Vertex AI's REST surface is which call: read from the SDK's own tables, never written by hand."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.cloud import aiplatform_v1
from google.protobuf import json_format

from cloud.server import Refusal, Request

SERVICES = {
    "pipeline_service": "PipelineService",
    "schedule_service": "ScheduleService",
    "model_service": "ModelService",
    "endpoint_service": "EndpointService",
    "job_service": "JobService",
    "metadata_service": "MetadataService",
}


@dataclass(frozen=True)
class Route:
    """One line of a route table; ``collection`` is the last plain word of its path, for example ``pipelineJobs``."""

    call: str
    method: str
    pattern: re.Pattern[str]
    fields: tuple[str, ...]
    body: str
    collection: str

    @property
    def request_type(self) -> Any:
        return getattr(aiplatform_v1, f"{self.call}Request").pb()


@dataclass(frozen=True)
class Call:
    """A request understood: the call's name and its message, as the SDK defines it."""

    name: str
    message: Any
    collection: str


@cache
def table() -> tuple[Route, ...]:
    """Every route of :data:`SERVICES` that the SDK knows."""
    routes = []
    for module, service in SERVICES.items():
        path = f"google.cloud.aiplatform_v1.services.{module}.transports.rest_base"
        base = getattr(importlib.import_module(path), f"_Base{service}RestTransport")
        for name in (name for name in vars(base) if name.startswith("_Base")):
            call = name.removeprefix("_Base")
            if not hasattr(aiplatform_v1, f"{call}Request"):  # IAM, locations and operations have messages elsewhere
                continue
            options = getattr(base, name)._get_http_options()
            routes += [_route(call, option) for option in options if option["uri"].startswith("/v1/")]
    return tuple(routes)


def _route(call: str, option: dict[str, str]) -> Route:
    fields: list[str] = []

    def group(found: re.Match[str]) -> str:
        fields.append(found[1])
        return "(" + re.escape(found[2]).replace(r"\*", "[^/:]+") + ")"

    uri = option["uri"]
    pattern = re.sub(r"\{([\w.]+)=([^}]*)\}", group, uri)
    words = re.findall(r"/([a-zA-Z]+)(?=[/*:}]|$)", uri.split(":")[0])
    return Route(call, option["method"].upper(), re.compile(pattern), tuple(fields), option.get("body", ""), words[-1])


def understand(request: Request) -> Call:
    """Find the call and build its message; a field that the message lacks is refused, as Vertex AI does.

    Raises:
        Refusal: there is no such route, or the body is not the message.
    """
    for route in table():
        # A version or an alias follows the model's id after an @, so that only ":" ends a segment.
        if request.method == route.method and (found := route.pattern.fullmatch(request.path)):
            return Call(route.call, _message(route, found, request), route.collection)
    raise Refusal(404, f"no call has the route {request.method} {request.path}")


def _message(route: Route, found: re.Match[str], request: Request) -> Any:
    message = route.request_type()
    content: dict[str, Any] = {}
    try:
        if route.body == "*":
            content = request.json()
        elif route.body:
            content = {route.body: request.json()}
        for key, values in request.query.items():
            if not key.startswith("$"):
                _put(content, key, _query_value(values))
        json_format.ParseDict(content, message)
    except (json_format.ParseError, ValueError) as error:
        raise Refusal(400, f"{route.call}: {error}") from error
    for field, value in zip(route.fields, found.groups(), strict=True):
        target = message
        *outer, last = field.split(".")
        for name in outer:
            target = getattr(target, name)
        setattr(target, last, value)
    return message


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    for name in outer:
        content = content.setdefault(name, {})
    content[last] = value


def _query_value(values: list[str]) -> Any:
    plain = [{"true": True, "false": False}.get(value.lower(), value) for value in values]
    return plain[0] if len(plain) == 1 else plain
