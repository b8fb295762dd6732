"""An experiment that names files of this machine, which no container can read or write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.cloud.assembly import Assembly
from pipelines.cloud.settings import CloudSettings

_MOUNTED = ("gs://", "/gcs/")
_VERSION = re.compile(r"[a-z0-9][a-z0-9-]*(?:@[A-Za-z][\w-]*|/\d+)")
"""A registered version, as components.forecast.choosing reads one."""
_FILL_IN = "Next: fill in images.serving in cloud.yaml, which takes Vertex AI's own registry"


def check(assembly: Assembly, settings: CloudSettings) -> list[str]:  # noqa: ARG001  one signature for all checks
    """Problems of sources, models and registries, section by section."""
    found: list[str] = []
    for name, section in assembly.parameters.items():
        if isinstance(section, Mapping):
            found += _model(section, assembly.target) if name == "model" else _stage(name, section)
    return found


def _stage(name: str, section: Mapping[str, Any]) -> Iterator[str]:
    source = section.get("source")
    path = str(source.get("path", "")) if isinstance(source, Mapping) else ""
    if path and not path.startswith(("sample:", *_MOUNTED)):
        yield (
            f"{name}.source.path: {path} is on this machine, where no container can read it. Next: gcloud storage cp "
            f"{path} gs://BUCKET/ and --set {name}.source.path=/gcs/BUCKET/{path.rsplit('/', 1)[-1]}"
        )
    if _in_a_file(section):
        yield f"{name}.registry: an MLflow file would be written into a container and be gone with it. {_FILL_IN}"


def _model(section: Mapping[str, Any], target: str) -> Iterator[str]:
    source = str(section.get("source", ""))
    if source.startswith(_MOUNTED):
        return
    if not _VERSION.fullmatch(source):
        name = source.rstrip("/").rsplit("/", 1)[-1]
        yield (
            f"model.source: {source} is on this machine, where no container can read it. Next: gcloud storage cp "
            f"--recursive {source} gs://BUCKET/ and --set model.source=gs://BUCKET/{name}"
        )
    elif target == "kfp":
        yield (
            "model.source: a registered version is looked up on this machine or by Vertex AI. Next: --set "
            "model.source=/gcs/BUCKET/FOLDER, with the bucket mounted there in the server's tasks"
        )
    elif _in_a_file(section):
        yield f"model.registry: an MLflow file is on this machine, where no container can read it. {_FILL_IN}"


def _in_a_file(section: Mapping[str, Any]) -> bool:
    registry = section.get("registry")
    return isinstance(registry, Mapping) and registry.get("kind", "mlflow") == "mlflow"
