"""What is known about a run, its tasks and their artifacts: plain frozen records, as the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """Where a run or a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CACHED = "cached"
    SKIPPED = "skipped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self not in (State.PENDING, State.RUNNING)

    @property
    def good(self) -> bool:
        """Its outputs can be used."""
        return self in (State.SUCCEEDED, State.CACHED)


class TaskKind(StrEnum):
    """What a task is made of."""

    PYTHON = "python"
    CONTAINER = "container"
    IMPORTER = "importer"
    STUB = "stub"
    DAG = "dag"
    LOOP = "loop"


@dataclass(frozen=True)
class ArtifactRecord:
    """One artifact.

    Attributes:
        type: schema title, for example ``system.Metrics``.
        uri: a local path, or a remote address such as ``gs://…``.
        digest: SHA-256 over the content, empty for a remote artifact.
        stamp: sizes and times of its files when the digest was taken; a changed stamp means the digest is out of date.
        files: digest of each file of the artifact by relative path; empty for remote and very large folders.
    """

    name: str
    type: str
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    stamp: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the content lies on this machine (meaningless for a remote artifact)."""
        return Path(self.uri)


Artifacts = Mapping[str, tuple[ArtifactRecord, ...]]
"""Artifacts by input or output name; a list-valued one has more (or fewer) than one."""


@dataclass(frozen=True)
class TaskRecord:
    """One task of one run, in its latest attempt.

    Attributes:
        path: where it stands in the run: ``train``, ``condition-1/train``, ``for-loop-2/3/train`` (iteration 3).
        parameters, inputs: resolved parameters and artifacts that went in.
        outputs, artifacts: parameters and artifacts that came out.
        folder: its own folder under the run; its log is ``folder / "log.txt"``.
        started, finished: seconds since the epoch, None when not yet.
        cache_key, fingerprint: digest of everything the result depends on, and its parts, for ``why TASK``.
        reused_from: ``RUN/TASK`` whose outputs a cached task took over.
        progress: the last progress the task reported.
        peak_memory: bytes its process held at most while it ran; None when that is not known.
    """

    run_id: str
    path: str
    name: str
    kind: TaskKind
    state: State
    attempt: int = 0
    started: float | None = None
    finished: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Artifacts = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=dict)
    folder: Path = Path()
    error: str = ""
    traceback: str = ""
    cache_key: str = ""
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    reused_from: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    peak_memory: int | None = None

    @property
    def log(self) -> Path:
        """Everything the task printed; absent when it printed nothing or did not run."""
        return self.folder / "log.txt"

    @property
    def seconds(self) -> float | None:
        """How long it took, None until it is finished."""
        return None if self.started is None or self.finished is None else self.finished - self.started


@dataclass(frozen=True)
class RunRecord:
    """One run of one pipeline.

    Attributes:
        folder: ``<root>/<id>``; holds ``pipeline.yaml`` (what was run) and ``tasks/``.
        arguments: the pipeline's parameters, defaults included.
        options: how it was run (cache, device, parallel, …), so that a resume runs the same way.
        created, finished: seconds since the epoch.
        machine: name of the machine it ran on last.
        device, device_reason: what its tasks were offered to compute on, and why.
        note: what is worth saying about it beyond its state.
    """

    id: str
    pipeline: str
    state: State
    folder: Path
    created: float
    finished: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=dict)
    error: str = ""
    machine: str = ""
    device: str = ""
    device_reason: str = ""
    note: str = ""

    @property
    def spec(self) -> Path:
        """The compiled file as it was run."""
        return self.folder / "pipeline.yaml"

    @property
    def seconds(self) -> float | None:
        """How long it took, None until it is finished."""
        return None if self.finished is None else self.finished - self.created
