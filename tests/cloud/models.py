"""The Model Registry and endpoints: versions, aliases that move, evaluations, models that share traffic."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from google.cloud import aiplatform_v1

from cloud.routes import Call
from cloud.server import Refusal

if TYPE_CHECKING:
    from cloud.vertex import Vertex

ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")


def upload(vertex: Vertex, message: Any) -> Any:
    """A new model, or with ``parent_model`` a new version of one."""
    _check(message.model)
    if message.parent_model:
        base = message.parent_model
        if not versions(vertex, base):
            raise Refusal(404, f"parent model {base} not found")
    else:
        base = f"{message.parent}/models/{message.model_id or vertex.number()}"
        if _all_versions(vertex, base):
            raise Refusal(409, f"{base} already exists")
    number = len(_all_versions(vertex, base)) + 1
    stored = type(message.model)()
    stored.CopyFrom(message.model)
    stored.name, stored.version_id = f"{base}@{number}", str(number)
    stored.ClearField("version_aliases")
    vertex.resources[stored.name] = stored
    aliases = list(message.model.version_aliases)
    _move(vertex, base, stored, [*aliases, *([] if number > 1 or "default" in aliases else ["default"])])
    answer = aiplatform_v1.UploadModelResponse.pb()(model=base, model_version_id=str(number))
    return _Named(answer, stored.name)


class _Named:
    """An operation's response that has no name of its own, with the name the operation is filed under."""

    def __init__(self, message: Any, name: str) -> None:
        self.name, self._message = name, message

    def __getattr__(self, key: str) -> Any:
        return getattr(self._message, key)


def _check(model: Any) -> None:
    if not model.display_name:
        raise Refusal(400, "model.display_name is required")
    if wrong := [alias for alias in model.version_aliases if not ALIAS.fullmatch(alias)]:
        raise Refusal(400, f"invalid version alias {wrong[0]!r}")
    for key, value in model.labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise Refusal(400, f"invalid label {key}={value}")


def versions(vertex: Vertex, base: str) -> list[Any]:
    """Versions of a model whose upload is done, oldest first."""
    hidden = vertex.in_the_making
    return [item for item in _all_versions(vertex, base) if item.name not in hidden]


def _all_versions(vertex: Vertex, base: str) -> list[Any]:
    found = [
        item for name, item in vertex.resources.items() if name.startswith(f"{base}@") and "/" not in name[len(base) :]
    ]
    return sorted(found, key=lambda item: int(item.version_id))


def find(vertex: Vertex, name: str) -> Any:
    """A version by ``model``, ``model@3`` or ``model@alias``."""
    base, _, which = name.partition("@")
    which = which or "default"
    for version in versions(vertex, base):
        if which == version.version_id or which in version.version_aliases:
            return version
    raise Refusal(404, f"{name} not found")


def _move(vertex: Vertex, base: str, version: Any, aliases: list[str]) -> None:
    for alias in aliases:
        for other in versions(vertex, base):
            if alias.removeprefix("-") in other.version_aliases:
                other.version_aliases.remove(alias.removeprefix("-"))
        if not alias.startswith("-"):
            version.version_aliases.append(alias)


def merge_aliases(vertex: Vertex, message: Any) -> Any:
    version = find(vertex, message.name)
    _move(vertex, message.name.partition("@")[0], version, list(message.version_aliases))
    return version


def list_versions(vertex: Vertex, message: Any) -> Any:
    from cloud.vertex import matches, page

    base = message.name.partition("@")[0]
    found = [version for version in versions(vertex, base) if matches(version, message.filter)]
    if not versions(vertex, base):
        raise Refusal(404, f"{base} not found")
    return page(Call("ListModelVersions", message, "models"), found)


def list_models(vertex: Vertex, message: Any) -> Any:
    from cloud.vertex import matches, page

    newest = {}
    for name, item in vertex.of("models").items():
        if name.startswith(f"{message.parent}/models/") and "default" in item.version_aliases:
            shown = type(item)()
            shown.CopyFrom(item)
            shown.name = name.partition("@")[0]
            newest[shown.name] = shown
    return page(
        Call("ListModels", message, "models"), [item for item in newest.values() if matches(item, message.filter)]
    )


def get_model(vertex: Vertex, message: Any) -> Any:
    found = find(vertex, message.name)
    shown = type(found)()
    shown.CopyFrom(found)
    shown.name = found.name.partition("@")[0]
    return shown


def update_model(vertex: Vertex, message: Any) -> Any:
    version = find(vertex, message.model.name)
    for path in message.update_mask.paths:
        version.ClearField(path)
        if path == "labels":
            version.labels.update(message.model.labels)
        else:
            setattr(version, path, getattr(message.model, path))
    return version


def import_evaluation(vertex: Vertex, message: Any) -> Any:
    version = find(vertex, message.parent)
    stored = type(message.model_evaluation)()
    stored.CopyFrom(message.model_evaluation)
    if not stored.metrics_schema_uri:
        raise Refusal(400, "model_evaluation.metrics_schema_uri is required")
    stored.name = f"{version.name}/evaluations/{vertex.number()}"
    vertex.resources[stored.name] = stored
    return stored


def list_evaluations(vertex: Vertex, message: Any) -> Any:
    from cloud.vertex import page

    prefix = f"{find(vertex, message.parent).name}/evaluations/"
    found = [item for name, item in vertex.resources.items() if name.startswith(prefix)]
    return page(Call("ListModelEvaluations", message, "evaluations"), found)


def deploy(vertex: Vertex, message: Any) -> Any:
    """A model onto an endpoint; the shares of traffic must be of models that are there, and sum to 100."""
    endpoint = vertex.existing(message.endpoint)
    model = find(vertex, message.deployed_model.model)
    message.deployed_model.id = message.deployed_model.id or vertex.number()
    split = {("0" if key == "0" else key): share for key, share in message.traffic_split.items()}
    split = {message.deployed_model.id if key == "0" else key: share for key, share in split.items()}
    known = {deployed.id for deployed in endpoint.deployed_models} | {message.deployed_model.id}
    if split and (sum(split.values()) != 100 or not set(split) <= known):
        raise Refusal(400, f"traffic split {split} must be of deployed models and sum to 100")
    message.deployed_model.model_version_id = model.version_id
    endpoint.deployed_models.append(message.deployed_model)
    endpoint.traffic_split.clear()
    endpoint.traffic_split.update(split)
    return _Named(aiplatform_v1.DeployModelResponse.pb()(deployed_model=message.deployed_model), endpoint.name)


def undeploy(vertex: Vertex, message: Any) -> Any:
    endpoint = vertex.existing(message.endpoint)
    left = [deployed for deployed in endpoint.deployed_models if deployed.id != message.deployed_model_id]
    del endpoint.deployed_models[:]
    endpoint.deployed_models.extend(left)
    endpoint.traffic_split.clear()
    endpoint.traffic_split.update(message.traffic_split)
    return _Named(aiplatform_v1.UndeployModelResponse.pb()(), endpoint.name)


CALLS: dict[str, Callable[[Vertex, Any], Any]] = {
    "UploadModel": upload, "MergeVersionAliases": merge_aliases, "ListModelVersions": list_versions,
    "ListModels": list_models, "GetModel": get_model, "UpdateModel": update_model,
    "ImportModelEvaluation": import_evaluation, "ListModelEvaluations": list_evaluations,
    "DeployModel": deploy, "UndeployModel": undeploy,
}  # fmt: skip
