"""A store with records written as a run writes them, a server of it on a real port, and plain requests to it."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from local_runner.records import ArtifactRecord, RunRecord, State, TaskKind, TaskRecord
from local_runner.serve.app import build
from local_runner.store import Store


def compiled(name: str, waits: dict[str, list[str]]) -> str:
    """Text of a compiled pipeline of leaf tasks with what each waits for."""
    tasks = {task: {"componentRef": {"name": "comp"}, "dependentTasks": before} for task, before in waits.items()}
    spec = {
        "pipelineInfo": {"name": name},
        "root": {"dag": {"tasks": tasks}},
        "components": {"comp": {"executorLabel": "exec"}},
        "deploymentSpec": {"executors": {"exec": {"container": {"command": ["--function_to_execute"]}}}},
    }
    return json.dumps(spec)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """A server of one store."""

    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, *, method: str = "GET", hosts: tuple[str, ...] | None = None) -> Answer:
        """Send ``path`` as it is: no client tidies it up on the way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for host in (f"127.0.0.1:{self.port}",) if hosts is None else hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs") as opened:
        yield opened


@pytest.fixture
def site(store: Store) -> Iterator[Site]:
    """The pages of ``store`` on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(store.root), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield Site(listener.getsockname()[1])
    server.should_exit = True  # it ends by itself in a moment; waiting for that would take longer than most tests


@dataclass
class Scribe:
    """Writes runs and tasks into a store, as the runner does."""

    store: Store

    def run(self, pipeline: str = "demo", tasks: dict[str, list[str]] | None = None, **values: Any) -> RunRecord:
        """A run that goes on, held by this process, until :meth:`end`."""
        run = self.store.new_run(pipeline, compiled(pipeline, tasks or {"first": []}), values.pop("arguments", {}), {})
        run = dataclasses.replace(run, **values)
        self.store.save_run(run)
        return run

    def end(self, run: RunRecord, state: State = State.SUCCEEDED, **values: Any) -> RunRecord:
        """Let the run end well or badly."""
        run = dataclasses.replace(run, state=state, finished=time.time(), **values)
        self.store.save_run(run)
        self.store.release(run.id)
        return run

    def kill(self, run: RunRecord) -> None:
        """The run's process is gone; nobody wrote how it ended."""
        self.store.release(run.id)

    def task(self, run: RunRecord, path: str = "first", state: State = State.SUCCEEDED, **values: Any) -> TaskRecord:
        """A task record with its folder; ``log`` is what it printed."""
        folder = run.folder / "tasks" / path
        folder.mkdir(parents=True, exist_ok=True)
        if "log" in values:
            (folder / "log.txt").write_text(values.pop("log"), encoding="utf-8")
        kind = values.pop("kind", TaskKind.PYTHON)
        finished = time.time() if state.finished else None
        plain = TaskRecord(run.id, path, path, kind, state, started=run.created, finished=finished, folder=folder)
        record = dataclasses.replace(plain, **values)
        self.store.save_task(record)
        return record

    def artifact(
        self, run: RunRecord, name: str, content: bytes | str, type_: str = "system.Artifact", **values: Any
    ) -> TaskRecord:
        """A task ``first`` with one output artifact of one file."""
        place = run.folder / "tasks" / "first" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        record = ArtifactRecord(name, type_, str(place), **values)
        return self.task(run, artifacts={name: (record,)})


@pytest.fixture
def scribe(store: Store) -> Scribe:
    return Scribe(store)


def _is_trouble(message: Any) -> bool:
    """An error of a script or of the policy, not the plain answer that something is not there."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page that fails the test if a script of it fails, a policy blocks something, or a dialog opens."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(10_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if _is_trouble(message) else None)
    page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield page
    page.close()
    assert troubles == []
