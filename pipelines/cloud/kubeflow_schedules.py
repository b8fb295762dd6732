"""Schedules as recurring runs of a Kubeflow server."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

from components.shared.errors import InputError
from pipelines.cloud import runs
from pipelines.cloud.kubeflow import KubeflowServer, named, package
from pipelines.cloud.schedules import Outcome, Scheduled, Wanted
from pipelines.cloud.settings import CloudSettings
from pipelines.experiments import unknown


class KubeflowSchedules:
    """See :class:`pipelines.cloud.schedules.Scheduler`."""

    def __init__(self, server: KubeflowServer) -> None:
        self.server = server

    @classmethod
    def of(cls, settings: CloudSettings) -> Self:
        return cls(KubeflowServer.of(settings))

    @property
    def client(self) -> Any:
        """Made when it is first used, which asks the server: only inside of :meth:`KubeflowServer.ask`."""
        return self.server.client

    def create(self, wanted: Wanted) -> Outcome:
        if wanted.max_runs:
            raise InputError(
                "--max-runs: Kubeflow's recurring runs have no such limit; leave it out, or delete it in time"
            )
        note = f"tandem {fingerprint(wanted)}"

        def ensure() -> Outcome:
            there = self._find(wanted.name)
            if there is not None and there.description == note:
                return "is as asked already"
            with package(wanted.assembly) as path:
                made = self.client.create_recurring_run(
                    self.server.experiment, wanted.name, description=note, cron_expression=wanted.cron.kubeflow,
                    max_concurrency=1, no_catchup=True, pipeline_package_path=str(path),
                    params=wanted.assembly.parameters,
                )  # fmt: skip
            return self._replace(there, made)

        outcome: Outcome = self.server.ask(f"scheduling {wanted.name}", ensure)
        self._remove_others(wanted.name, note)
        return outcome

    def list(self) -> list[Scheduled]:
        found = self.server.ask("listing recurring runs", self._all)
        return [
            Scheduled(each.display_name, each.trigger.cron_schedule.cron, each.mode == "ENABLE")
            for each in sorted(found, key=lambda each: each.display_name)
        ]

    def pause(self, name: str) -> None:
        there = self._existing(name)
        self.server.ask(f"pausing {name}", lambda: self.client.disable_recurring_run(there.recurring_run_id))

    def resume(self, name: str) -> None:
        there = self._existing(name)
        self.server.ask(f"resuming {name}", lambda: self.client.enable_recurring_run(there.recurring_run_id))

    def delete(self, name: str) -> bool:
        found = self.server.ask(f"looking for {name}", lambda: self._called(name))
        self._remove_others(name, keep="")
        return bool(found)

    def run(self, name: str, request: str) -> str:
        there = self._existing(name)
        run = f"{runs.slug(name)}-{request}"

        def start() -> None:
            page = self.client.list_runs(experiment_id=self.server.experiment, filter=named(run), page_size=1)
            if not page.runs:
                body = {
                    "display_name": run, "experiment_id": self.server.experiment, "pipeline_spec": there.pipeline_spec,
                    "runtime_config": there.runtime_config,
                }  # fmt: skip
                self.client._run_api.run_service_create_run(body=body)

        self.server.ask(f"starting {run}", start)
        return run

    def _replace(self, old: Any | None, made: Any) -> Outcome:
        """A recurring run cannot be changed: the new one is there before the old one goes."""
        if old is None or old.recurring_run_id == made.recurring_run_id:
            return "created"
        return "updated"

    def _remove_others(self, name: str, keep: str) -> None:
        """Leave one recurring run of a name, or none; an attempt that was cut off may have left another."""

        def remove() -> None:
            kept = False
            for each in self._called(name):
                if each.description == keep and not kept:
                    kept = True
                else:
                    self.client.delete_recurring_run(each.recurring_run_id)

        self.server.ask(f"clearing what {name} was before", remove)

    def _all(self) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            page = self.client.list_recurring_runs(
                page_token=token, page_size=100, experiment_id=self.server.experiment
            )
            found += page.recurring_runs or []
            token = page.next_page_token or ""
            if not token:
                return found

    def _called(self, name: str) -> list[Any]:
        return [each for each in self._all() if each.display_name == name]

    def _find(self, name: str) -> Any | None:
        return next(iter(self._called(name)), None)

    def _existing(self, name: str) -> Any:
        found = self.server.ask(f"looking for {name}", self._all)
        for each in found:
            if each.display_name == name:
                return each
        raise InputError(unknown("schedule", name, sorted(each.display_name for each in found) or ["none yet"]))


def fingerprint(wanted: Wanted) -> str:
    """Equal for schedules that start the same at the same moments."""
    text = json.dumps([wanted.cron.kubeflow, wanted.assembly.digest, wanted.assembly.parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
