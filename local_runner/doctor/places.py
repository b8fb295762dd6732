"""Checks of what lies around: run store, container engines, credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from local_runner.doctor.finding import Finding
from local_runner.doctor.surroundings import Surroundings

ENGINES = ("docker", "podman", "buildah")
ROOMY, CRAMPED = 5 * 2**30, 2**29
"""Free bytes below which the store is said to be short of room, and below which a run is likely to fail."""


def store(here: Surroundings) -> Iterator[Finding]:
    """Room in the run store, and leave to write there."""
    folder = next(path for path in (here.root, *here.root.parents) if path.is_dir())
    if not os.access(folder, os.W_OK):
        yield Finding(
            "problem", "run store", f"{folder} cannot be written", "python -m local_runner run --root FOLDER …"
        )
        return
    free = here.free_bytes(folder)
    text = f"{here.root}: {free / 2**30:,.1f} GiB free"
    if free >= ROOMY:
        yield Finding("ok", "run store", text)
        return
    fix = "python -m local_runner runs gc --keep 10"
    yield Finding("problem" if free < CRAMPED else "warning", "run store", text, fix)


def containers(here: Surroundings) -> Iterator[Finding]:
    """Container engines; no local run needs one."""
    found = [path for name in ENGINES if (path := here.which(name))]
    text = ", ".join(found) if found else "none found; only building images needs one"
    yield Finding("ok", "container engine", text)


def credentials(here: Surroundings) -> Iterator[Finding]:
    """Google credentials on this machine, without asking anybody whether they are valid."""
    named = here.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named and not here.exists(Path(named)):
        yield Finding(
            "problem", "cloud credentials", f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is not there",
            "unset GOOGLE_APPLICATION_CREDENTIALS && gcloud auth application-default login",
        )  # fmt: skip
        return
    folder = Path(here.environ.get("CLOUDSDK_CONFIG") or here.home / ".config" / "gcloud")
    default = folder / "application_default_credentials.json"
    if named or here.exists(default):
        yield Finding("ok", "cloud credentials", f"{named or default} (not asked whether they are valid)")
        return
    text = "none; only BigQuery, Cloud Storage and Vertex AI need them (gcloud auth application-default login)"
    yield Finding("ok", "cloud credentials", text)
