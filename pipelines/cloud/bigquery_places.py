"""What a run reads and writes in BigQuery: who pays and which key encrypts, where an experiment does not say."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.cloud.settings import CloudSettings


def filled_in(values: Mapping[str, Any], settings: CloudSettings) -> dict[str, Any]:
    """The parameters of a run on Vertex AI, with what they leave out about BigQuery.

    The project of a task's credentials is one of Google's own there, in which nobody may run a query. The key is one of
    the region: data in another location is encrypted with a key there, which an experiment names itself.
    https://cloud.google.com/vertex-ai/docs/training/code-requirements#project-id
    """
    out = copy.deepcopy(dict(values))
    for place in _places(out):
        if "table" not in place or place.get("kind") == "bigquery":  # a destination's table names its project
            place["project"] = place.get("project") or settings.project
        here = (place.get("location") or settings.location).lower() == settings.location
        if settings.encryption_key and here and place.get("encryption_key") is None:
            place["encryption_key"] = settings.encryption_key
    return out


def _places(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of an experiment that name something in BigQuery: sources, destinations and the twin."""
    for name, section in values.items():
        if not isinstance(section, dict):
            continue
        source, destination = section.get("source"), section.get("bigquery")
        if isinstance(source, dict) and source.get("kind") == "bigquery":
            yield source
        if isinstance(destination, dict):
            yield destination
        if name == "twin":
            yield section
