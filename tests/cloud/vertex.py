"""Vertex AI as far as this project and its users need it: a store of resources behind the routes of the SDK."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from typing import Any

from google.cloud import aiplatform_v1
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from cloud import metadata, models, specs
from cloud.routes import Call, understand
from cloud.server import Answer, Refusal, Request, StandIn

OPERATION = re.compile(r"/(?:v1|ui)/(.+/operations/[^/:]+)")
OPERATIONS = re.compile(r"/(?:v1|ui)/(.+)/operations")
STATES = {
    "PipelineJob": aiplatform_v1.PipelineState.PIPELINE_STATE_PENDING,
    "Schedule": aiplatform_v1.Schedule.State.ACTIVE,
    "CustomJob": aiplatform_v1.JobState.JOB_STATE_PENDING,
    "BatchPredictionJob": aiplatform_v1.JobState.JOB_STATE_PENDING,
    "HyperparameterTuningJob": aiplatform_v1.JobState.JOB_STATE_PENDING,
}
LONG_RUNNING = re.compile(r"Delete|CreateEndpoint|CreateMetadataStore|DeployModel|UndeployModel|UploadModel")


class Vertex:
    """The service's state, and one method a kind of call.

    Attributes:
        resources: messages by resource name.
        on_job: called in a thread of its own with every pipeline job that is created.
        pending_answers: how often a long-running operation answers that it is not done.
    """

    def __init__(self) -> None:
        self.resources: dict[str, Any] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.members: dict[str, set[str]] = {}
        self.edges: set[tuple[str, str, int]] = set()
        self.on_job: Callable[[Vertex, str], None] | None = None
        self.pending_answers = 1
        self.lock = threading.RLock()
        self._numbers = itertools.count(1000)
        self.server = StandIn(self.answer)

    def of(self, collection: str) -> dict[str, Any]:
        """Resources of one collection, for example ``pipelineJobs``."""
        return {name: item for name, item in self.resources.items() if name.split("/")[-2] == collection}

    def answer(self, request: Request) -> Answer:
        with self.lock:
            if found := OPERATION.fullmatch(request.path):
                return self._operation(found[1])
            if found := OPERATIONS.fullmatch(request.path):
                return self._operations_of(found[1])
            call = understand(request)
            if call.name in SPECIAL:
                result = SPECIAL[call.name](self, call.message)
            else:
                verb = next((verb for verb in VERBS if call.name.startswith(verb)), "")
                if not verb:
                    raise Refusal(404, f"the stand-in has no {call.name}")
                result = VERBS[verb](self, call)
            if LONG_RUNNING.match(call.name):
                return Answer(self._begin(result, gone=call.name.startswith("Delete")))
            return Answer(json_format.MessageToDict(result, use_integers_for_enums=True) if result is not None else {})

    def number(self) -> str:
        return str(next(self._numbers))

    def create(self, call: Call) -> Any:
        field, item = _resource(call.message)
        kind = type(item).__name__
        name = f"{call.message.parent}/{call.collection}/{_given_id(call.message, field) or self.number()}"
        if "/metadataStores/" in call.message.parent:
            self.existing(call.message.parent)
        if name in self.resources:
            raise Refusal(409, f"{name} already exists")
        if kind in CHECKS:
            CHECKS[kind](item)
        stored = type(item)()
        stored.CopyFrom(item)
        stored.name = name
        if kind in STATES:
            stored.state = STATES[kind]
        _now(stored, "create_time", "update_time")
        self.resources[name] = stored
        if kind == "PipelineJob" and self.on_job:
            threading.Thread(target=self.on_job, args=(self, name), daemon=True).start()
        return stored

    def get(self, call: Call) -> Any:
        return self.existing(call.message.name)

    def existing(self, name: str) -> Any:
        if name not in self.resources:
            raise Refusal(404, f"{name} not found")
        return self.resources[name]

    def list(self, call: Call) -> Any:
        prefix = f"{call.message.parent}/{call.collection}/"
        found = [
            item for name, item in self.resources.items() if name.startswith(prefix) and "/" not in name[len(prefix) :]
        ]
        return page(call, [item for item in found if matches(item, call.message.filter)])

    def delete(self, call: Call) -> Any:
        self.existing(call.message.name)
        return self.resources.pop(call.message.name)

    def update(self, call: Call) -> Any:
        _, item = _resource(call.message)
        stored = self.existing(item.name)
        paths = list(call.message.update_mask.paths) or [field.name for field, _ in item.ListFields()]
        for path in paths:
            stored.ClearField(path)
            value = getattr(item, path)
            if hasattr(value, "CopyFrom") and item.HasField(path):
                getattr(stored, path).CopyFrom(value)
            elif hasattr(value, "MergeFrom"):
                getattr(stored, path).MergeFrom(value)
            elif not hasattr(value, "CopyFrom"):
                setattr(stored, path, value)
        _now(stored, "update_time")
        return stored

    def cancel(self, call: Call) -> None:
        job = self.existing(call.message.name)
        name = "PIPELINE_STATE_CANCELLING" if call.name == "CancelPipelineJob" else "JOB_STATE_CANCELLED"
        states = aiplatform_v1.PipelineState if call.name == "CancelPipelineJob" else aiplatform_v1.JobState
        job.state = getattr(states, name)

    def pause(self, call: Call) -> None:
        self.existing(call.message.name).state = aiplatform_v1.Schedule.State.PAUSED

    def resume(self, call: Call) -> None:
        schedule = self.existing(call.message.name)
        schedule.state = aiplatform_v1.Schedule.State.ACTIVE
        schedule.catch_up = call.message.catch_up

    def _begin(self, result: Any, *, gone: bool) -> dict[str, Any]:
        # An operation is filed under what it works on: a model's under the model, all others under the location.
        depth = 6 if "/models/" in result.name else 4
        name = f"{'/'.join(result.name.partition('@')[0].split('/')[:depth])}/operations/{self.number()}"
        kind, content = result.DESCRIPTOR.full_name, json_format.MessageToDict(result)
        if gone:
            kind, content = "google.protobuf.Empty", {}
        done = {"name": name, "done": True, "response": {"@type": f"type.googleapis.com/{kind}", **content}}
        self.operations[name] = {
            "left": self.pending_answers, "finished": not self.pending_answers, "done": done, "makes": result.name,
        }  # fmt: skip
        return self._shown(name)

    def _operation(self, name: str) -> Answer:
        if name not in self.operations:
            raise Refusal(404, f"{name} not found")
        kept = self.operations[name]
        kept["finished"] = kept["left"] <= 0
        kept["left"] -= 1
        return Answer(self._shown(name))

    def _operations_of(self, parent: str) -> Answer:
        """Operations of one resource; being listed brings none forward."""
        found = [name for name in self.operations if name.startswith(f"{parent}/operations/")]
        return Answer({"operations": [self._shown(name) for name in found]})

    def _shown(self, name: str) -> dict[str, Any]:
        kept = self.operations[name]
        return kept["done"] if kept["finished"] else {"name": name, "done": False}

    @property
    def in_the_making(self) -> set[str]:
        """Names of what unfinished operations make; a model's version shows only when its upload is done."""
        return {kept["makes"] for kept in self.operations.values() if not kept["finished"]}


VERBS: dict[str, Callable[[Vertex, Call], Any]] = {
    "Create": Vertex.create, "Get": Vertex.get, "List": Vertex.list, "Delete": Vertex.delete, "Update": Vertex.update,
    "Cancel": Vertex.cancel, "Pause": Vertex.pause, "Resume": Vertex.resume,
}  # fmt: skip
SPECIAL: dict[str, Callable[[Vertex, Any], Any]] = {**models.CALLS, **metadata.CALLS}
CHECKS: dict[str, Callable[[Any], None]] = {"PipelineJob": specs.check_job, "Schedule": specs.check_schedule}


def page(call: Call, found: list[Any]) -> Any:
    """One page of a list, and the token of the next one."""
    size = getattr(call.message, "page_size", 0) or 100
    begin = int(getattr(call.message, "page_token", "") or 0)
    response = getattr(aiplatform_v1, f"{call.name}Response").pb()()
    repeated = next(field.name for field in response.DESCRIPTOR.fields if field.label == field.LABEL_REPEATED)
    getattr(response, repeated).extend(found[begin : begin + size])
    if begin + size < len(found):
        response.next_page_token = str(begin + size)
    return response


def matches(item: Any, wanted: str) -> bool:
    """Whether a resource passes a filter: ``a="b"`` joined by AND, with ``labels.k`` for labels."""
    for term in re.split(r"\s+AND\s+", wanted.strip()) if wanted.strip() else []:
        found = re.fullmatch(r'([\w.]+)\s*(=|!=)\s*"?([^"]*)"?', term)
        if not found:
            raise Refusal(400, f"cannot read the filter {term!r}")
        key, operator, value = found.groups()
        have = item.labels.get(key.removeprefix("labels."), "") if key.startswith("labels.") else _plain(item, key)
        if (have == value) != (operator == "="):
            return False
    return True


def _plain(item: Any, key: str) -> str:
    field = item.DESCRIPTOR.fields_by_name.get(key)
    if field is None:
        raise Refusal(400, f"{type(item).__name__} has no field {key!r} to filter by")
    value = getattr(item, key)
    return field.enum_type.values_by_number[value].name if field.enum_type else str(value)


def _resource(message: Any) -> tuple[str, Any]:
    field = next(f for f in message.DESCRIPTOR.fields if f.message_type and f.message_type.name != "FieldMask")
    return field.name, getattr(message, field.name)


def _given_id(message: Any, field: str) -> str:
    return getattr(message, f"{field}_id", "")


def _now(item: Any, *fields: str) -> None:
    for field in fields:
        if field in item.DESCRIPTOR.fields_by_name:
            moment = Timestamp()
            moment.GetCurrentTime()
            getattr(item, field).CopyFrom(moment)
