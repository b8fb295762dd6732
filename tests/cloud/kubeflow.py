"""A Kubeflow Pipelines server as far as ``kfp.Client`` needs it: experiments, runs and recurring runs."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from cloud.server import Answer, Refusal, Request, StandIn

ID = {"experiments": "experiment_id", "runs": "run_id", "recurringruns": "recurring_run_id"}
VERBS = {"disable": {"mode": "DISABLE"}, "enable": {"mode": "ENABLE"}, "terminate": {"state": "CANCELING"}}
LISTED = {"experiments": "experiments", "runs": "runs", "recurringruns": "recurringRuns"}


class Kubeflow:
    """Its items by kind and id; bodies are those of the v2beta1 API."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in ID}
        self.server = StandIn(self.answer)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return list(self.items[kind].values())

    def answer(self, request: Request) -> Answer:
        path = request.path.removeprefix("/apis/v2beta1/")
        if path == "healthz":
            return Answer({"multi_user": False})
        found = re.fullmatch(r"(experiments|runs|recurringruns)(?:/([^/:]+))?(?::(\w+))?", path)
        if not found:
            raise Refusal(404, f"no route {request.method} {request.path}")
        kind, identity, verb = found.groups()
        if request.method == "POST" and identity is None:
            return Answer(self._create(kind, request.json()))
        if identity is None:
            return Answer(self._list(kind, request))
        item = self.items[kind].get(identity)
        if item is None:
            raise Refusal(404, f"{kind} {identity} not found")
        if request.method == "DELETE":
            return Answer(self.items[kind].pop(identity) and {})
        if verb:
            item.update(VERBS[verb])
            return Answer({})
        return Answer(item)

    def _create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if kind != "experiments" and not body.get("pipeline_spec"):
            raise Refusal(400, "pipeline_spec is required")
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron")
        if cron and len(re.sub(r"^TZ=\S+ ", "", cron).split()) != 6:
            raise Refusal(400, f"invalid cron {cron!r}: expected 6 fields")
        identity = str(uuid.uuid4())
        self.items[kind][identity] = {**body, ID[kind]: identity, **({"state": "PENDING"} if kind == "runs" else {})}
        return self.items[kind][identity]

    def _list(self, kind: str, request: Request) -> dict[str, Any]:
        predicates = json.loads(request.one("filter") or "{}").get("predicates", [])
        names = {each.get("string_value", each.get("stringValue")) for each in predicates}
        experiment = request.one("experiment_id")
        found = [item for item in self.all(kind) if not names or item["display_name"] in names]
        found = [item for item in found if not experiment or item.get("experiment_id") == experiment]
        size, begin = int(request.one("page_size") or 0) or 20, int(request.one("page_token") or 0)
        page = {LISTED[kind]: found[begin : begin + size]}
        return {**page, "next_page_token": str(begin + size)} if begin + size < len(found) else page
