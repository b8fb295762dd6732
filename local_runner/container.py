"""Container components: their command on this machine when allowed, otherwise through podman or docker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local_runner.digests import is_remote
from local_runner.errors import TaskError
from local_runner.job import Job, executor_input
from local_runner.placeholders import Placeholders


def engine() -> str | None:
    """The container engine on this machine, podman first."""
    return next((name for name in ("podman", "docker") if shutil.which(name)), None)


def run(job: Job) -> None:
    """Run a container component to its end.

    Raises:
        TaskError: its command ended with another code than 0, or cannot be started.
    """
    prepare_outputs(job)
    placeholders = Placeholders(job.names, job.name, job.path, executor_input(job))
    command = placeholders.command(job.container.get("command") or [])
    arguments = placeholders.command(job.container.get("args") or [])
    full = [*command, *arguments] if job.on_host else _in_engine(job, command, arguments)
    try:
        done = subprocess.run(full, check=False, timeout=job.timeout, stdout=sys.stdout, stderr=sys.stderr)
    except FileNotFoundError as error:
        raise TaskError(f"{full[0]!r} is not a command on this machine (image {job.container.get('image')})") from error
    except subprocess.TimeoutExpired as error:
        raise TaskError(f"the command ran longer than the {job.timeout:g} s it was allowed") from error
    if done.returncode:
        raise TaskError(f"the command ended with code {done.returncode}")


def prepare_outputs(job: Job) -> None:
    """Make the folders that outputs are written into, as a cluster does before it starts a container."""
    definitions = job.component.get("outputDefinitions") or {}
    for name in definitions.get("parameters") or {}:
        job.parameter_file(name).parent.mkdir(parents=True, exist_ok=True)


def _in_engine(job: Job, command: list[str], arguments: list[str]) -> list[str]:
    found = engine()
    if found is None:
        raise TaskError(f"task {job.name} needs a container engine: install podman or docker")
    words = [found, "run", "--rm"]
    for volume in _volumes(job):
        words += ["--volume", volume]
    for name, value in job.environment.items():
        words += ["--env", f"{name}={value}"]
    if found == "docker":
        words += ["--user", f"{os.getuid()}:{os.getgid()}"]
    if command:
        words += ["--entrypoint", command[0]]
    return [*words, str(job.container["image"]), *command[1:], *arguments]


def _volumes(job: Job) -> list[str]:
    """What the container sees, each at its own path, so that artifact paths mean the same inside and outside.

    The store, to be written; and local inputs from outside it, only to be read.
    """
    store = job.folder.parents[len(job.path.split("/")) + 1]
    given = {str(record.path) for records in job.artifacts.values() for record in records if not is_remote(record.uri)}
    outside = sorted(path for path in given if store not in Path(path).parents)
    return [f"{store}:{store}", *(f"{path}:{path}:ro" for path in outside)]
