"""Google's custom-job wrapper: a component that it was made from is unwrapped, so that the inner one runs here.

``create_custom_training_job_from_component`` puts the component's own container into the default of an input named
``worker_pool_specs`` and adds inputs of its own; both are undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LAUNCHER = "google_cloud_pipeline_components.container"
_WRAPPER_INPUTS = {
    "base_output_directory", "display_name", "enable_web_access", "encryption_spec_key_name", "labels", "location",
    "max_wait_duration", "network", "persistent_resource_id", "project", "psc_interface_config", "reserved_ip_ranges",
    "restart_job_on_worker_restart", "service_account", "strategy", "tensorboard", "timeout", "worker_pool_specs",
}  # fmt: skip


def unwrap(components: Mapping[str, Any], executors: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two compiled sections with every wrapped component in its own form."""
    plain_components, plain_executors = dict(components), dict(executors)
    for name, component in components.items():
        label = component.get("executorLabel", "")
        inner = _inner(component, (executors.get(label) or {}).get("container") or {})
        if inner is not None:
            plain_components[name] = _without_wrapper(component)
            plain_executors[label] = {"container": inner}
    return plain_components, plain_executors


def _inner(component: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any] | None:
    """The wrapped component's container section, None when nothing this runner can run is wrapped."""
    if not any(_LAUNCHER in str(word) for word in container.get("command", [])):
        return None
    declared = (component.get("inputDefinitions") or {}).get("parameters") or {}
    pools = (declared.get("worker_pool_specs") or {}).get("defaultValue") or []
    spec = (pools[0].get("container_spec") or {}) if pools else {}
    if "--function_to_execute" not in [*spec.get("command", []), *spec.get("args", [])]:
        return None
    return {
        "image": spec.get("image_uri", ""),
        "command": spec.get("command", []),
        "args": spec.get("args", []),
        "env": spec.get("env", []),
    }


def _without_wrapper(component: Mapping[str, Any]) -> dict[str, Any]:
    inputs = dict(component.get("inputDefinitions") or {})
    declared = inputs.get("parameters") or {}
    inputs["parameters"] = {name: spec for name, spec in declared.items() if name not in _WRAPPER_INPUTS}
    return {**component, "inputDefinitions": inputs}
