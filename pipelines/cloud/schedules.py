"""Schedules: a pipeline that starts by itself, under one name, one run at a time, missed moments not made up for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from components.shared import retrying
from components.shared.errors import InputError
from pipelines.cloud import runs, vertex
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.cron import Cron
from pipelines.cloud.google import Google
from pipelines.cloud.settings import CloudSettings
from pipelines.experiments import unknown

_OF_A_JOB = (
    "runtime_config", "service_account", "network", "reserved_ip_ranges", "psc_interface_config", "encryption_spec",
)  # fmt: skip
"""What a scheduled job is told besides its spec, which the label ``tandem_spec`` stands for."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _.-]{0,62}[A-Za-z0-9])?")

Outcome = Literal["created", "updated", "is as asked already"]


@dataclass(frozen=True)
class Wanted:
    """A schedule that somebody asked for; ``max_runs`` of 0 is without end."""

    name: str
    cron: Cron
    assembly: Assembly
    max_runs: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"schedule name {self.name!r}: expected 1 to 64 letters, digits, spaces and . _ - that begin and end "
                "with a letter or digit"
            )


@dataclass(frozen=True)
class Scheduled:
    """A schedule that is there."""

    name: str
    cron: str
    active: bool
    started: int | None = None
    next_run: str = ""


class Scheduler(Protocol):
    """Where schedules are kept; each by its name."""

    def create(self, wanted: Wanted) -> Outcome:
        """Make a schedule, change the one that has its name, or leave it as it is."""
        ...

    def list(self) -> list[Scheduled]:
        """Every schedule, by name."""
        ...

    def pause(self, name: str) -> None:
        """Start no more runs, until it is resumed."""
        ...

    def resume(self, name: str) -> None:
        """Start runs again; those that were missed are not made up for."""
        ...

    def delete(self, name: str) -> bool:
        """Remove a schedule; False when there is none."""
        ...

    def run(self, name: str, request: str) -> str:
        """Start one run now; its name. The same request again finds it."""
        ...


def scheduler(target: str, settings: CloudSettings) -> Scheduler:
    """The schedules of a target."""
    if target == "kfp":
        from pipelines.cloud.kubeflow_schedules import KubeflowSchedules

        return KubeflowSchedules.of(settings)
    return VertexSchedules(Google(settings))


class VertexSchedules:
    """Schedules of Vertex AI; see :class:`Scheduler`."""

    def __init__(self, google: Google) -> None:
        self.google, self.settings = google, google.settings

    def create(self, wanted: Wanted) -> Outcome:
        vertex.keep_spec(self.google, wanted.assembly)
        body = self._body(wanted)

        def ensure() -> Outcome:
            # Looked for at each attempt: one that was cut off may have been made.
            there = self._find(wanted.name)
            if there is None:
                self.google.schedules.create_schedule(parent=self.settings.parent, schedule=body, retry=None)
                return "created"
            if _alike(there, body):
                return "is as asked already"
            body["name"] = there.name
            mask = {"paths": ["cron", "create_pipeline_job_request", "max_run_count"]}
            self.google.schedules.update_schedule(schedule=body, update_mask=mask, retry=None)
            return "updated"

        return retrying.call(f"scheduling {wanted.name}", ensure)

    def list(self) -> list[Scheduled]:
        found = retrying.call("listing schedules", self._all)
        return [
            Scheduled(
                each.display_name, each.cron, each.state.name == "ACTIVE", each.started_run_count,
                each.next_run_time.isoformat() if each.next_run_time else "",
            )
            for each in sorted(found, key=lambda each: each.display_name)
        ]  # fmt: skip

    def pause(self, name: str) -> None:
        there = self._existing(name)
        if there.state.name != "PAUSED":
            retrying.call(f"pausing {name}", lambda: self.google.schedules.pause_schedule(name=there.name, retry=None))

    def resume(self, name: str) -> None:
        request = {"name": self._existing(name).name, "catch_up": False}
        retrying.call(f"resuming {name}", lambda: self.google.schedules.resume_schedule(request=request, retry=None))

    def delete(self, name: str) -> bool:
        def remove() -> bool:
            there = self._find(name)
            if there is None:
                return False
            self.google.schedules.delete_schedule(name=there.name, retry=None).result(timeout=300)
            return True

        was_there = retrying.call(f"looking for {name}", lambda: self._find(name)) is not None
        retrying.call(f"deleting {name}", remove)
        return was_there

    def run(self, name: str, request: str) -> str:
        there = self._existing(name)
        job = there.create_pipeline_job_request.pipeline_job
        run = f"{runs.slug(name)}-{request}"

        def start() -> None:
            try:
                self.google.pipelines.create_pipeline_job(
                    parent=self.settings.parent, pipeline_job=job, pipeline_job_id=run, retry=None
                )
            except Exception as error:
                if not retrying.conflict(error):
                    raise

        retrying.call(f"starting {run}", start)
        return run

    def _body(self, wanted: Wanted) -> dict[str, Any]:
        labels = runs.labels(wanted.assembly, runs.slug(wanted.name), self.settings.labels)
        job = vertex.message(self.google, wanted.assembly, labels)
        return {
            "display_name": wanted.name,
            "cron": wanted.cron.vertex,
            "max_run_count": wanted.max_runs,
            "max_concurrent_run_count": 1,
            "allow_queueing": False,
            "catch_up": False,
            "create_pipeline_job_request": {"parent": self.settings.parent, "pipeline_job": job},
        }

    def _all(self) -> list[Any]:
        return [*self.google.schedules.list_schedules(parent=self.settings.parent, retry=None)]

    def _find(self, name: str) -> Any | None:
        return next((each for each in self._all() if each.display_name == name), None)

    def _existing(self, name: str) -> Any:
        found = retrying.call(f"looking for {name}", self._all)
        by_name = {each.display_name: each for each in found}
        if name not in by_name:
            raise InputError(f"{unknown('schedule', name, sorted(by_name) or ['none yet'])}")
        return by_name[name]


def _alike(there: Any, body: dict[str, Any]) -> bool:
    """Whether a schedule is what is asked for: same moments, same end, and the same job, whoever it runs as."""
    have = there.create_pipeline_job_request.pipeline_job
    want = body["create_pipeline_job_request"]["pipeline_job"]
    labelled = all(have.labels.get(name) == value for name, value in want.labels.items())  # a service may add its own
    same = all(getattr(have, name) == getattr(want, name) for name in _OF_A_JOB)
    return bool(labelled and same and there.cron == body["cron"] and there.max_run_count == body["max_run_count"])
