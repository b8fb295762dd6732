"""Images by digest: the lock that ``make push`` writes, and why a compiled file with caching must name digests.

A step that is cached is taken to be what its image would compute. Under a tag that is pushed again, it no longer is,
and nothing says so: Vertex AI's cache key holds the image's name, not its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.shared import images
from components.shared.errors import InputError
from components.shared.files import read_json

DIGEST = "@sha256:"


def read(path: Path, kind: str) -> dict[str, str]:
    """What to put in place of the symbolic images.

    Args:
        path: the lock, ``containers/images.lock.json``.
        kind: which image the steps run in: cpu, gpu or tpu.

    Raises:
        InputError: there is no such lock, or it names no image of that kind by its digest.
    """
    if not path.is_file():
        raise InputError(f"there is no image lock {path}; write it with: make images && make push REGISTRY=…")
    content = read_json(path)
    pushed = content.get("images", {}) if isinstance(content, dict) else {}
    image = pushed.get(kind, "")
    if DIGEST not in image:
        known = ", ".join(sorted(pushed)) or "none"
        raise InputError(f"{path} names no {kind} image by its digest (it has: {known}); type: make push REGISTRY=…")
    return {images.SUITE: image, images.BASE: image}


def refuse_mutable(spec: Mapping[str, Any]) -> None:
    """Refuse a compiled file that caches a step whose image can change under its name.

    Symbolic images are no image yet, so they are let through; the local runner's cache looks at the source itself.

    Raises:
        InputError: naming each such image with its steps.
    """
    steps: dict[str, list[str]] = {}
    for name, image in _cached(spec):
        if DIGEST not in image and image not in (images.SUITE, images.BASE):
            steps.setdefault(image, []).append(name)
    if steps:
        raise InputError(
            [f"{image} ({', '.join(sorted(names))})" for image, names in steps.items()],
            heading="these images can change under their name, but the results of their steps are cached; name them by "
            "digest (NAME@sha256:…, which `make push` writes to containers/images.lock.json):",
        )


def _cached(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and image of every step that may be taken from a cache."""
    components, executors = spec.get("components", {}), spec.get("deploymentSpec", {}).get("executors", {})
    dags = [spec["root"], *components.values()]
    for task_name, task in (item for dag in dags for item in dag.get("dag", {}).get("tasks", {}).items()):
        label = components.get(task["componentRef"]["name"], {}).get("executorLabel")
        image = executors.get(label, {}).get("container", {}).get("image")
        if image and task.get("cachingOptions", {}).get("enableCache"):
            yield task_name, image
