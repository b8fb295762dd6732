"""An e-mail when a run is over, however it ended: the whole pipeline moves into an exit handler's body."""

from __future__ import annotations

import copy
from typing import Any

Spec = dict[str, Any]

BODY, MAIL = "exit-handler-1", "vertex-pipelines-notification-email"


def with_email(spec: Spec, recipients: list[str]) -> Spec:
    """A copy of a compiled pipeline that ends with Google's notification task; only Vertex AI has it.

    The pipeline itself then has no outputs: KFP gives none out of an exit handler. Its tasks keep theirs.
    """
    from google.protobuf import json_format
    from google_cloud_pipeline_components.v1.vertex_notification_email import VertexNotificationEmailOp

    mail = json_format.MessageToDict(VertexNotificationEmailOp.pipeline_spec)
    out = copy.deepcopy(spec)
    inputs = out["root"].get("inputDefinitions", {})
    body: Spec = {"dag": {"tasks": out["root"]["dag"]["tasks"]}}
    if parameters := inputs.get("parameters"):
        body["inputDefinitions"] = {"parameters": {name: _plain(given) for name, given in parameters.items()}}
    out["components"] = {**out.get("components", {}), f"comp-{BODY}": body, **mail["components"]}
    out["deploymentSpec"]["executors"].update(mail["deploymentSpec"]["executors"])
    out["root"] = {"dag": {"tasks": {BODY: _body(inputs), MAIL: _mail(recipients)}}}
    if inputs:
        out["root"]["inputDefinitions"] = inputs
    return out


def _plain(definition: Spec) -> Spec:
    return {key: value for key, value in definition.items() if key in ("parameterType", "isOptional", "literals")}


def _body(inputs: Spec) -> Spec:
    task: Spec = {"componentRef": {"name": f"comp-{BODY}"}, "taskInfo": {"name": "pipeline"}}
    if parameters := inputs.get("parameters"):
        task["inputs"] = {"parameters": {name: {"componentInputParameter": name} for name in parameters}}
    return task


def _mail(recipients: list[str]) -> Spec:
    return {
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{MAIL}"},
        "dependentTasks": [BODY],
        "inputs": {
            "parameters": {
                "pipeline_task_final_status": {"taskFinalStatus": {"producerTask": BODY}},
                "recipients": {"runtimeValue": {"constant": recipients}},
            }
        },
        "taskInfo": {"name": MAIL},
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    }
