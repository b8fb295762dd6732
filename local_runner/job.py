"""A job: one leaf task with everything needed to execute it, in this process or in another (it can be pickled)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_runner.inputs import ArtifactLists, Parameters
from local_runner.records import TaskKind


@dataclass(frozen=True)
class Names:
    """What the job placeholders stand for."""

    pipeline: str
    run_id: str
    created: str
    root: str

    @property
    def resource(self) -> str:
        """Name of the run as a resource: begins with the pipeline's name, as on a cluster."""
        return f"{self.pipeline}-{self.run_id}"


@dataclass(frozen=True)
class Job:
    """One attempt at one leaf task.

    Attributes:
        component: the compiled component section; ``executor`` is the compiled executor section.
        timeout: seconds it may run; None for no limit.
        profile: kind of profile to take, empty for none.
        debug: its output is not redirected, so that a debugger can be used.
        on_host: a container component runs as a command of this machine.
        folder: the task's own folder; outputs go below it.
    """

    names: Names
    path: str
    name: str
    kind: TaskKind
    attempt: int
    folder: Path
    component: Mapping[str, Any]
    executor: Mapping[str, Any]
    parameters: Parameters
    artifacts: ArtifactLists
    timeout: float | None = None
    on_host: bool = False
    profile: str = ""
    debug: bool = False

    @property
    def container(self) -> Mapping[str, Any]:
        """The compiled container section."""
        found: Mapping[str, Any] = self.executor["container"]
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables the component asks for."""
        return {item["name"]: str(item.get("value", "")) for item in self.executor.get("container", {}).get("env", [])}

    @property
    def output_file(self) -> Path:
        """Where KFP's executor leaves what the function returned."""
        return self.folder / "executor_output.json"

    def parameter_file(self, name: str) -> Path:
        """Where a component writes an output parameter by path."""
        return self.folder / ".parameters" / name


@dataclass
class Result:
    """What a job left.

    ``error`` is the task's own exception, ``traceback`` its text, trimmed to the task's frames; ``peak_memory`` is in
    bytes.
    """

    parameters: Parameters = field(default_factory=dict)
    artifacts: ArtifactLists = field(default_factory=dict)
    error: BaseException | None = None
    traceback: str = ""
    peak_memory: int | None = None


def executor_input(job: Job) -> dict[str, Any]:
    """The ``ExecutorInput`` message that KFP's executor reads."""
    definitions = job.component.get("outputDefinitions") or {}
    outputs: dict[str, Any] = {"outputFile": str(job.output_file)}
    if parameters := definitions.get("parameters"):
        outputs["parameters"] = {name: {"outputFile": str(job.parameter_file(name))} for name in parameters}
    if artifacts := definitions.get("artifacts"):
        outputs["artifacts"] = {name: {"artifacts": [_new_artifact(job, name, artifacts[name])]} for name in artifacts}
    inputs: dict[str, Any] = {}
    if job.parameters:
        inputs["parameterValues"] = job.parameters
    if job.artifacts:
        inputs["artifacts"] = {
            name: {"artifacts": [_known_artifact(record) for record in records]}
            for name, records in job.artifacts.items()
        }
    return {"inputs": inputs, "outputs": outputs}


def _new_artifact(job: Job, name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    kind = definition.get("artifactType") or {}
    return {"name": name, "uri": str(job.folder / name), "metadata": {}, "type": dict(kind)}


def _known_artifact(record: Any) -> dict[str, Any]:
    return {
        "name": record.name,
        "uri": record.uri,
        # A copy: a task that writes into its input's metadata must not change what others see.
        "metadata": json.loads(json.dumps(record.metadata)),
        "type": {"schemaTitle": record.type},
    }
