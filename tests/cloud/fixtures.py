"""Fixtures: each starts a stand-in of its own; the libraries behind them load when the first one is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery
    from cloud.vertex import Vertex


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
