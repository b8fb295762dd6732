"""The cache: everything a task's result depends on, its digest, and what changed between two of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_runner import closure, digests
from local_runner.component_code import ComponentCode, embedded_source, function_name
from local_runner.job import Job
from local_runner.records import ArtifactRecord, TaskKind, TaskRecord
from local_runner.store import Store
from local_runner.values import shorten

Fingerprint = dict[str, Any]


@dataclass
class Cache:
    """Finds tasks that were already done, anywhere in the store."""

    store: Store
    code: ComponentCode
    _sources: dict[str, Fingerprint] = field(default_factory=dict, repr=False)

    def fingerprint(self, job: Job) -> tuple[str, Fingerprint]:
        """Cache key of a job and the parts it is the digest of; an empty key: it is never taken from the cache."""
        if job.kind != TaskKind.PYTHON:
            return "", {}
        parts: Fingerprint = {
            **self._source(job),
            "parameters": {name: _value(value) for name, value in job.parameters.items()},
            "inputs": {name: [_content(a) for a in records] for name, records in job.artifacts.items()},
            "outputs": digests.of_json(job.component.get("outputDefinitions") or {}),
            "environment": job.environment,
        }
        named = {name: files for name, value in job.parameters.items() if (files := _named_files(value))}
        if named:
            parts["files"] = named
        key = digests.of_json({**parts, "inputs": {n: [_key(a) for a in r] for n, r in parts["inputs"].items()}})
        return key, parts

    def lookup(self, key: str) -> TaskRecord | None:
        """The newest finished task with this key whose output artifacts are still what they were."""
        if not key:
            return None
        return next((task for task in self.store.reusable(key) if intact(task)), None)

    def _source(self, job: Job) -> Fingerprint:
        """Digest of the component's code and of all it imports; the same for every task of a component."""
        source = embedded_source(job.container)
        name = function_name(job.container)
        memo = digests.of_text(source or name)
        if memo not in self._sources:
            found = closure.of_source(source) if source else closure.of_file(self.code.file(job, name))
            self._sources[memo] = {
                "function": name,
                "source": {**({"(embedded)": memo} if source else {}), **found.files},
                "packages": {**found.packages, "python": f"{sys.version_info.major}.{sys.version_info.minor}"},
            }
        return self._sources[memo]


def intact(task: TaskRecord) -> bool:
    """Whether every local output artifact of a finished task still has the content it was recorded with."""
    return all(
        digests.artifact(artifact).digest == artifact.digest for found in task.artifacts.values() for artifact in found
    )


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two fingerprints, one line each, ready to be read."""
    lines = []
    for part, what in (("source", "source file"), ("packages", "package"), ("environment", "environment variable")):
        lines += _differences(what, old.get(part) or {}, new.get(part) or {})
    lines += _parameter_changes(old.get("parameters") or {}, new.get("parameters") or {})
    before, after = old.get("inputs") or {}, new.get("inputs") or {}
    for name in sorted({*before, *after}):
        lines += _input_changes(name, before.get(name) or [], after.get(name) or [])
    for name in sorted({*(old.get("files") or {}), *(new.get("files") or {})}):
        if (old.get("files") or {}).get(name) != (new.get("files") or {}).get(name):
            lines.append(f"a file named by parameter `{name}` changed")
    if old.get("outputs") != new.get("outputs"):
        lines.append("the component's outputs changed")
    return lines


def _parameter_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"parameter `{name}` changed: {(before.get(name) or {}).get('shown')} → {(after.get(name) or {}).get('shown')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _input_changes(name: str, before: list[Fingerprint], after: list[Fingerprint]) -> list[str]:
    if len(before) != len(after):
        return [f"input `{name}` changed: {len(before)} → {len(after)} artifacts"]
    lines = []
    for old, new in zip(before, after, strict=True):
        if _key(old) == _key(new):
            continue
        files = sorted(
            file for file in {*old["files"], *new["files"]} if old["files"].get(file) != new["files"].get(file)
        )
        lines.append(f"input `{name}` changed: {', '.join(f or 'its content' for f in files[:5]) or 'its metadata'}")
    return lines


def _differences(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    lines = []
    for name in sorted({*before, *after}):
        if name not in before:
            lines.append(f"{what} {name} is new")
        elif name not in after:
            lines.append(f"{what} {name} is gone")
        elif before[name] != after[name]:
            lines.append(f"{what} {name} changed" + (f": {before[name]} → {after[name]}" if what == "package" else ""))
    return lines


def _value(value: Any) -> Fingerprint:
    return {"digest": digests.of_json(value), "shown": shorten(value)}


def _content(record: ArtifactRecord) -> Fingerprint:
    return {"digest": record.digest, "metadata": digests.of_json(record.metadata), "files": dict(record.files)}


def _key(content: Fingerprint) -> tuple[str, str]:
    return content["digest"], content["metadata"]


def _named_files(value: Any) -> dict[str, str]:
    """Local files and folders that a parameter names: a task that reads them depends on their content."""
    if isinstance(value, str):
        looks_like_a_path = len(value) < 1024 and "\n" not in value and ("/" in value or Path(value).suffix)
        if looks_like_a_path and "://" not in value:
            return {value: found} if (found := _stamp(value)) else {}
        return {}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name: found for item in items for name, found in _named_files(item).items()}


def _stamp(text: str) -> str:
    """Sizes and times of the file, folder or glob that ``text`` names; empty when it names nothing."""
    path = Path(text)
    try:
        if path.exists():
            return "" if path.resolve() in (Path.cwd(), *Path.cwd().parents) else digests.stamp(path)
        if "*" in text:
            anchor = Path(path.anchor or ".")
            return digests.of_json([[str(f), digests.stamp(f)] for f in sorted(anchor.glob(text.removeprefix("/")))])
    except (OSError, ValueError):  # not a path after all
        return ""
    return ""
