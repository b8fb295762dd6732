"""Google's own components in a pipeline: under whose account, with which key, in which network and from which image.

A task inherits these from its run. What a component of Google's starts does not: a custom job, with the machines that
train, and a job in BigQuery are resources of their own, whose settings are parameters of the component and empty by
default. So they are filled in with those of ``cloud.yaml``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.cloud.settings import CloudSettings

Spec = dict[str, Any]

PUBLIC = "gcr.io/ml-pipeline/google-cloud-pipeline-components:"
"""Google's own launchers; their tag is that of the installed library, and no digest of it is to be had offline."""
_COMMAND = "google_cloud_pipeline_components.container"


def governed(spec: Spec, settings: CloudSettings) -> Spec:
    """A copy of a placed pipeline whose components of Google's obey these settings.

    What the pipeline's author has set is kept; only empty defaults are filled in.
    """
    out = copy.deepcopy(spec)
    executors = out["deploymentSpec"]["executors"]
    given = {name: value for name, value in _given(settings).items() if value}
    for component in out.get("components", {}).values():
        if not _is_google(executors.get(component.get("executorLabel"), {})):
            continue
        parameters = component.get("inputDefinitions", {}).get("parameters", {})
        for name, value in given.items():
            if name in parameters and not parameters[name].get("defaultValue"):
                parameters[name]["defaultValue"] = value
    if launcher := settings.images.get("launcher"):
        for container in (executor["container"] for executor in executors.values() if _is_google(executor)):
            if container["image"].startswith(PUBLIC):
                container["image"] = launcher
    return out


def public_images(spec: Mapping[str, Any]) -> Iterator[str]:
    """Google's public images that a run of a spec pulls, each once."""
    executors = (spec.get("deploymentSpec") or {}).get("executors") or {}
    images = (str((each.get("container") or {}).get("image", "")) for each in executors.values())
    yield from dict.fromkeys(image for image in images if image.startswith(PUBLIC))


def _given(settings: CloudSettings) -> dict[str, Any]:
    """Parameters by the names that Google's components give them."""
    attachment = settings.network_attachment
    return {
        "service_account": settings.service_account,
        "network": settings.network,
        "reserved_ip_ranges": list(settings.reserved_ip_ranges),
        "psc_interface_config": {"network_attachment": attachment} if attachment else {},
        "encryption_spec_key_name": settings.encryption_key,
    }


def _is_google(executor: Mapping[str, Any]) -> bool:
    """Told by the command, because the image may be a copy."""
    return any(_COMMAND in str(word) for word in (executor.get("container") or {}).get("command", []))
