"""A run on a server of whichever kind: how it is named, what states it passes through, what a server can do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from components.shared.errors import InputError
from pipelines.cloud.assembly import Assembly

_REQUEST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class State(StrEnum):
    """Of a run or of one of its tasks."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def over(self) -> bool:
        return self not in (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class TaskState:
    """A task's state; ``seconds`` is how long it has run, ``error`` what it failed with."""

    state: State
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class RunState:
    """A run as it is now, and its tasks by name."""

    state: State
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Submitted:
    """A run that a server has: ``created`` is False when it had it already."""

    name: str
    link: str
    created: bool


class Server(Protocol):
    """Where pipelines run."""

    def submit(self, assembly: Assembly, run: str) -> Submitted:
        """Start a run under a name, or find the one that has it."""
        ...

    def state(self, name: str) -> RunState:
        """How a run is now."""
        ...

    def link(self, run: str) -> str:
        """Where a run is seen in a browser."""
        ...

    def cancel(self, name: str) -> None:
        """Ask that a run be ended; it takes a while."""
        ...


def request_id(given: str | None) -> str:
    """A request's own name; the same one twice is the same run.

    Raises:
        InputError: it cannot be part of a run's name.
    """
    if given is None:
        return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if not _REQUEST.fullmatch(given):
        raise InputError(f"--request-id {given!r}: expected up to 63 small letters, digits and hyphens")
    return given


def run_name(assembly: Assembly, request: str) -> str:
    """Name of a run: the pipeline's and the request's."""
    return f"{slug(assembly.name)}-{request}"


def slug(text: str) -> str:
    """Text as part of a resource name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "run"


def labels(assembly: Assembly, request: str, own: Mapping[str, str]) -> dict[str, str]:
    """Labels that say what a run is made of, and the user's own."""
    made = {
        "tandem_pipeline": label(assembly.name), "tandem_config": label(assembly.config or "default"),
        "tandem_profile": label(assembly.profile_name), "tandem_request": label(request),
        "tandem_spec": assembly.digest[:40],
    }  # fmt: skip
    return {**own, **made}


def label(text: str) -> str:
    """Text as the value of a label, of which Vertex AI takes 63 letters."""
    return slug(text)[:63]
