"""The application in this process: bodies nobody thought of, too many at once, and scenarios beside predictions."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.serving.app import Service, build
from components.serving.config import ServingConfig
from components.serving.predictor import Predictor

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["price", "date", "x"]), inner),
    max_leaves=12,
)
BODIES = (
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps({"instances": [value]}).encode())
    | JSON.map(lambda value: json.dumps({"instances": [{"price": [1.0]}], "parameters": value}).encode())
    | st.lists(JSON, min_size=12, max_size=12).map(lambda values: _columns_of(values))
)


def _columns_of(values: list[Any]) -> bytes:
    """All columns the model takes, each with these values."""
    return json.dumps({"instances": [dict.fromkeys(["price", *(f"noise_{i}" for i in range(1, 5))], values)]}).encode()


async def _ask(application: Any, method: str, path: str, **content: Any) -> httpx.Response:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, **content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_is_an_error_of_the_process(predictor: Predictor, body: bytes) -> None:
    application = build(Service(predictor, ServingConfig(model="-")))
    answer = asyncio.run(_ask(application, "POST", "/predict", content=body))
    assert answer.status_code in (200, 400), answer.text
    assert ("predictions" if answer.status_code == 200 else "error") in answer.json()


def test_more_than_may_wait_is_refused_at_once(predictor: Predictor, instance_at: Callable[..., Any]) -> None:
    application = build(Service(predictor, ServingConfig(model="-", max_waiting=2)))
    body = json.dumps({"instances": [instance_at(30)] * 3}).encode()
    answer = asyncio.run(_ask(application, "POST", "/predict", content=body))
    assert answer.status_code == 429
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_request_larger_than_a_batch_is_answered_in_order(
    predictor: Predictor, instance_at: Callable[..., Any]
) -> None:
    application = build(Service(predictor, ServingConfig(model="-", max_batch=4)))
    starts = range(20, 31)
    body = json.dumps({"instances": [instance_at(start) for start in starts]}).encode()
    found = asyncio.run(_ask(application, "POST", "/predict", content=body)).json()["predictions"]
    assert [prediction["origin"][:10] for prediction in found] == [instance_at(s)["date"][-1] for s in starts]


def test_a_client_that_goes_away_does_not_disturb_the_others(
    predictor: Predictor, instance_at: Callable[..., Any]
) -> None:
    service = Service(predictor, ServingConfig(model="-"))
    body = json.dumps({"instances": [instance_at(30)]}).encode()

    async def three_and_one_leaves() -> list[Any]:
        tasks = [asyncio.create_task(service.predict(body)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, left, last = asyncio.run(three_and_one_leaves())
    assert isinstance(left, asyncio.CancelledError)
    assert json.loads(first) == json.loads(last)


def test_a_draining_process_says_so_and_asks_to_reconnect(predictor: Predictor) -> None:
    service = Service(predictor, ServingConfig(model="-"))
    service.life.draining = True
    answer = asyncio.run(_ask(build(service), "GET", "/health"))
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")


def test_a_diverged_model_is_an_error_that_says_so(predictor: Predictor, instance_at: Callable[..., Any]) -> None:
    from dataclasses import replace

    diverged = replace(predictor, describe=lambda inputs: np.full((len(inputs["window"]), 1), np.nan, np.float32))
    body = json.dumps({"instances": [instance_at(30)]}).encode()
    answer = asyncio.run(_ask(build(Service(diverged, ServingConfig(model="-"))), "POST", "/predict", content=body))
    assert answer.status_code == 500
    assert "has its training diverged" in answer.json()["error"]["message"]


def test_scenarios_are_served_beside_predictions(
    predictor: Predictor, instance_at: Callable[..., Any], tmp_path: Path
) -> None:
    from components.serving.server import scenarios_of

    columns = instance_at(30, before=20)
    with (tmp_path / "rows.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([list(columns), *zip(*columns.values(), strict=True)])
    config = ServingConfig(model="-", rows=str(tmp_path / "rows.csv"))
    application = build(Service(predictor, config), scenarios_of(predictor, config))
    asked = asyncio.run(_ask(application, "GET", "/scenarios/api/model"))
    assert asked.status_code == 200
    assert "price" in asked.text
    assert asyncio.run(_ask(application, "GET", "/health")).status_code == 200


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no model: set AIP_STORAGE_URI"),
        ({"AIP_STORAGE_URI": "m", "AIP_HTTP_PORT": "http"}, "[AIP_HTTP_PORT]"),
        ({"AIP_STORAGE_URI": "m", "AIP_PREDICT_ROUTE": "predict"}, "[AIP_PREDICT_ROUTE]"),
        ({"AIP_STORAGE_URI": "m", "SERVING_MAX_BATCH": "0"}, "[SERVING_MAX_BATCH]"),
    ],
)
def test_a_wrong_environment_is_refused(environment: dict[str, str], said: str) -> None:
    from components.serving.config import from_environment
    from components.shared.errors import InputError

    with pytest.raises(InputError) as caught:
        from_environment(environment)
    assert said in str(caught.value)


def test_a_model_is_brought_from_a_bucket_or_a_version_folder(served_folder: Path, tmp_path: Path) -> None:
    import fsspec

    from components.serving import storage

    bucket = fsspec.filesystem("memory")
    bucket.put(str(served_folder), "/bucket/version/model", recursive=True)
    (tmp_path / "scratch").mkdir()
    brought = storage.bring("memory://bucket/version", tmp_path / "scratch", registry="sqlite:///none.db")
    assert (brought.path / "model.keras").is_file()
    assert brought.name == storage.bring(str(served_folder), tmp_path, registry="sqlite:///none.db").name
