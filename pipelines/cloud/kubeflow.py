"""Runs on a Kubeflow Pipelines server of one's own."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from components.shared import retrying
from components.shared.errors import InputError
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.runs import RunState, State, Submitted, TaskState
from pipelines.cloud.settings import CloudSettings, KubeflowSettings

T = TypeVar("T")
_STATES = {
    "PENDING": State.PENDING, "RUNNING": State.RUNNING, "SUCCEEDED": State.SUCCEEDED, "FAILED": State.FAILED,
    "CANCELED": State.CANCELLED, "CANCELING": State.RUNNING, "SKIPPED": State.SKIPPED, "PAUSED": State.PENDING,
    "CACHED": State.SUCCEEDED,
}  # fmt: skip


class KubeflowServer:
    """Starts runs and follows them; see :class:`pipelines.cloud.runs.Server`. A run's name is its display name."""

    def __init__(self, settings: KubeflowSettings) -> None:
        self.settings = settings

    @classmethod
    def of(cls, settings: CloudSettings) -> Self:
        """The server that ``cloud.yaml`` names.

        Raises:
            InputError: it names none.
        """
        if settings.kubeflow is None:
            raise InputError("--target kfp: cloud.yaml names no Kubeflow server. Next: add kubeflow: {host: https://…}")
        return cls(settings.kubeflow)

    @cached_property
    def client(self) -> Any:
        """``kfp.Client``; made once, since it asks the server who it is."""
        import kfp

        token = self.settings.token()
        self._must_answer(token)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kfp.Client(host=self.settings.host, namespace=self.settings.namespace, existing_token=token)

    def _must_answer(self, token: str | None) -> None:
        """Ask what the client asks when it is made: refused, it would print tracebacks and try for minutes.

        Raises:
            requests.RequestException: the server refused, or cannot be reached.
            InputError: it wants a login.
        """
        import requests

        host = self.settings.host.rstrip("/")
        if (urlsplit(host).hostname or "").endswith(".googleusercontent.com"):
            return  # the client logs in there by itself
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.get(f"{host}/apis/v2beta1/healthz", headers=headers, timeout=30, allow_redirects=False)
        answer.raise_for_status()
        if answer.is_redirect:
            raise InputError(f"{host} wants a login. Next: write a token for it into a file, kubeflow.token_file")

    def ask(self, what: str, question: Callable[[], T]) -> T:
        """Call the server; what its client prints is not ours to show."""

        def quietly() -> T:
            with contextlib.redirect_stdout(io.StringIO()):
                return question()

        place = f"namespace {self.settings.namespace} of {self.settings.host}"
        hints = {
            401: "the server does not accept the token. Next: write a fresh one into the file that cloud.yaml names as "
            "kubeflow.token_file",
            403: f"the token's account may not do this in {place}. Next: ask who runs that server",
        }
        return retrying.call(what, quietly, hints=hints)

    @cached_property
    def experiment(self) -> str:
        """Id of the experiment that runs belong to; it is made when it is not there."""
        name = self.settings.experiment
        made = self.ask(f"opening experiment {name}", lambda: self.client.create_experiment(name))
        return str(made.experiment_id)

    def submit(self, assembly: Assembly, run: str) -> Submitted:
        """Start a run unless one has its name: a server of Kubeflow takes any number of runs of one name."""
        created = False

        def start() -> Any:
            nonlocal created
            if (there := self._find(run)) is not None:
                _same(there, assembly, run)
                return there
            with package(assembly) as path:
                made = self.client.run_pipeline(self.experiment, run, str(path), params=assembly.parameters)
            created = True
            return made

        found = self.ask(f"submitting {run}", start)
        return Submitted(run, self._link(found.run_id), created)

    def state(self, name: str) -> RunState:
        run = self.ask(f"looking at {name}", lambda: self._existing(name))
        details = run.run_details.task_details if run.run_details else None
        tasks = {}
        for task in details or []:
            seconds = (task.end_time - task.start_time).total_seconds() if task.end_time and task.start_time else 0.0
            error = task.error.message if task.error else ""
            tasks[task.display_name] = TaskState(_STATES.get(task.state, State.PENDING), seconds, error or "")
        return RunState(_STATES.get(run.state, State.PENDING), tasks, (run.error.message or "") if run.error else "")

    def link(self, run: str) -> str:
        return self._link(self.ask(f"looking for {run}", lambda: self._existing(run)).run_id)

    def cancel(self, name: str) -> None:
        self.ask(f"cancelling {name}", lambda: self.client.terminate_run(self._existing(name).run_id))

    def _existing(self, name: str) -> Any:
        if (found := self._find(name)) is None:
            raise InputError(f"no run in experiment {self.settings.experiment} is named {name}")
        return self.client.get_run(found.run_id)

    def _find(self, name: str) -> Any | None:
        page = self.client.list_runs(experiment_id=self.experiment, filter=named(name), page_size=1)
        return page.runs[0] if page.runs else None

    def _link(self, run_id: str) -> str:
        return f"{self.settings.host.rstrip('/')}/#/runs/details/{run_id}"


def _same(there: Any, assembly: Assembly, run: str) -> None:
    have = (there.runtime_config.parameters if there.runtime_config else None) or {}
    other = sorted(name for name, value in assembly.parameters.items() if name in have and have[name] != value)
    if other:
        raise InputError(
            f"a run named {run} exists with other values of {', '.join(other)}. Next: choose another --request-id"
        )


def named(name: str) -> str:
    """A filter for one display name."""
    return json.dumps({"predicates": [{"key": "display_name", "operation": "EQUALS", "string_value": name}]})


@contextlib.contextmanager
def package(assembly: Assembly) -> Iterator[Path]:
    """The spec as a file, the form in which the client takes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_text(assembly.text, encoding="utf-8")
        yield path
