"""``dsl.importer``: bring an existing artifact into a run. Local ones stay where they are, remote ones are copied."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from local_runner.digests import is_remote
from local_runner.errors import TaskError
from local_runner.job import Job, Result, executor_input
from local_runner.placeholders import Placeholders
from local_runner.records import ArtifactRecord


def run(job: Job) -> Result:
    """Resolve an importer's address and metadata.

    Raises:
        TaskError: nothing is there, or a remote address cannot be read from here.
    """
    spec = job.executor["importer"]
    placeholders = Placeholders(job.names, job.name, job.path, executor_input(job))
    address = spec["artifactUri"]
    uri = job.parameters.get(address["runtimeParameter"], "") if "runtimeParameter" in address else address["constant"]
    uri = placeholders.fill(uri)
    metadata = placeholders.fill_all(spec.get("metadata") or {})
    schema = (spec.get("typeSchema") or {}).get("schemaTitle", "system.Artifact")
    outputs = (job.component.get("outputDefinitions") or {}).get("artifacts") or {"artifact": {}}
    record = ArtifactRecord("artifact", schema, _local(uri, job.folder), metadata)
    return Result(artifacts=dict.fromkeys(outputs, (record,)))


def _local(uri: str, folder: Path) -> str:
    if not is_remote(uri):
        path = Path(uri.removeprefix("file://")).expanduser().absolute()
        if not path.exists():
            raise TaskError(f"nothing to import at {uri}")
        return str(path)
    return uri if uri.startswith("oci://") else str(_copied(uri, folder))


def _copied(uri: str, folder: Path) -> Path:
    """Copy a remote file or folder through fsspec; it appears whole."""
    try:
        import fsspec
    except ImportError as error:
        raise TaskError(f"importing {uri} needs fsspec (and gcsfs or s3fs): pip install fsspec gcsfs") from error
    target, scratch = folder / "artifact", folder / ".artifact.tmp"
    try:
        filesystem, path = fsspec.core.url_to_fs(uri, **_emulator(uri))
        scratch.parent.mkdir(parents=True, exist_ok=True)
        filesystem.get(path, str(scratch), recursive=filesystem.isdir(path))
        scratch.rename(target)
    except Exception as error:  # each file system has its own errors; all mean the same to the user
        shutil.rmtree(scratch, ignore_errors=True)
        raise TaskError(f"cannot import {uri}: {error!r}") from error
    return target


def _emulator(uri: str) -> dict[str, Any]:
    """A local stand-in of Cloud Storage is addressed by the variable Google's own clients read."""
    host = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if not host or not uri.startswith("gs://"):
        return {}
    # Read when gcsfs is imported; else it asks Google itself for the kind of the bucket, and waits a minute.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    return {"endpoint_url": host, "token": "anon"}
