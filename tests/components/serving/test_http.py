"""The contract of the running process: Vertex AI's formats, its limits, and requests that are wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from components.shared.artifacts import Prepared, TrainedModel

Instance = Callable[..., dict[str, Any]]


def test_predictions_are_the_models_own(
    serving: Any, instance_at: Instance, prepared_folder: Path, served_folder: Path
) -> None:
    starts = np.array([20, 150, 320])
    answer = serving.post({"instances": [instance_at(start) for start in starts]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    predictions = answer.json()["predictions"]
    expected = TrainedModel.open(served_folder).forecast(Prepared.open(prepared_folder), starts)
    np.testing.assert_allclose([prediction["forecast"] for prediction in predictions], expected, rtol=1e-5)
    for prediction, start in zip(predictions, starts, strict=True):
        quantiles = prediction["quantiles"]
        assert list(quantiles) == ["0.05", "0.1", "0.5", "0.9", "0.95"]
        assert list(quantiles.values()) == sorted(quantiles.values())
        assert prediction["origin"][:10] == instance_at(start)["date"][-1]
        assert prediction["time"][:10] == str(np.datetime64(prediction["origin"][:10]) + 7)


def test_a_client_may_ask_for_its_own_quantiles_and_for_explanations(serving: Any, instance_at: Instance) -> None:
    parameters = {"quantiles": [0.25, 0.75], "explain": True, "top": 2}
    prediction = serving.post({"instances": [instance_at(100)], "parameters": parameters}).json()["predictions"][0]
    assert list(prediction["quantiles"]) == ["0.25", "0.75"]
    explanation = prediction["explanation"]
    assert len(explanation["attributions"]) == 2
    every = serving.post({"instances": [instance_at(100)], "parameters": {"explain": True}}).json()["predictions"][0]
    explained = every["explanation"]
    total = explained["base_value"] + sum(explained["attributions"].values()) + explained["residual"]
    assert total == pytest.approx(explained["prediction"], abs=1e-5)
    assert abs(explained["residual"]) <= 0.01 * abs(explained["prediction"] - explained["base_value"])


def test_missing_values_are_filled_from_older_rows_of_the_same_instance(serving: Any, instance_at: Instance) -> None:
    holes, filled, other = instance_at(60, before=3), instance_at(60, before=3), instance_at(200)
    holes["noise_2"][3:5] = [None, None]
    filled["noise_2"][3:5] = [filled["noise_2"][2]] * 2
    answers = serving.post({"instances": [other, holes, filled]}).json()["predictions"]
    assert answers[1]["forecast"] == answers[2]["forecast"]
    alone = serving.post({"instances": [other]}).json()["predictions"][0]
    assert answers[0]["forecast"] == pytest.approx(alone["forecast"], rel=1e-6)  # float32 sums differ by batch size


def _short(instance: dict[str, Any]) -> None:
    for values in instance.values():
        del values[1:]


def _ragged(instance: dict[str, Any]) -> None:
    instance["noise_1"].append(1.0)


def _infinite(instance: dict[str, Any]) -> None:
    instance["noise_1"][4] = 10**400


def _text(instance: dict[str, Any]) -> None:
    instance["noise_1"][4] = "12.5"


def _nested(instance: dict[str, Any]) -> None:
    instance["noise_1"][4] = [1.0]


def _unknown(instance: dict[str, Any]) -> None:
    instance["nose_1"] = instance.pop("noise_1")


def _no_origin(instance: dict[str, Any]) -> None:
    instance["price"][-1] = None


def _backwards(instance: dict[str, Any]) -> None:
    instance["date"].reverse()


def _repeated(instance: dict[str, Any]) -> None:
    instance["date"][3] = instance["date"][2]


WRONG = {
    _short: "instances[1]: the model looks at 12 rows, got 1",
    _ragged: "instances[1]: columns must have equally many rows",
    _infinite: "instances[1].noise_1[4]: expected a number of at most 3.4e+38 or null",
    _text: "instances[1].noise_1[4]: expected a number of at most 3.4e+38 or null, got '12.5'",
    _nested: "instances[1].noise_1[4]: expected a number of at most 3.4e+38 or null, got [1.0]",
    _unknown: "instances[1]: the column noise_1 is missing",
    _no_origin: "instances[1].price: the last row must hold a positive number",
    _backwards: "instances[1].date: times must increase from row to row",
    _repeated: "instances[1].date: times must increase from row to row",
}


@pytest.mark.parametrize("spoil", list(WRONG), ids=lambda spoil: spoil.__name__.strip("_"))
def test_a_wrong_instance_is_refused_with_its_place(serving: Any, instance_at: Instance, spoil: Any) -> None:
    spoiled = instance_at(50)
    spoil(spoiled)
    answer = serving.post({"instances": [instance_at(40), spoiled]})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert any(WRONG[spoil] in problem for problem in error["details"])


def test_every_problem_is_told_at_once(serving: Any, instance_at: Instance) -> None:
    first, second = instance_at(50), instance_at(51)
    _text(first)
    _ragged(second)
    details = serving.post({"instances": [first, second]}).json()["error"]["details"]
    assert [detail.split(":")[0].split(".")[0] for detail in details] == ["instances[0]", "instances[1]"]


BODIES = {
    "empty": (b"", "the body is not JSON"),
    "cut short": (b'{"instances": [{"price": [1.0', "the body is not JSON"),
    "NaN": (b'{"instances": [{"price": [NaN]}]}', "NaN is no JSON value; write null for a missing one"),
    "Infinity": (b'{"instances": [{"price": [-Infinity]}]}', "-Infinity is no JSON value"),
    "not UTF-8": (b'{"instances": "\xff\xfe"}', "the body is not JSON"),
    "a list": (b"[1, 2]", "body: input should be"),
    "no instances": (b'{"instances": []}', "instances: list should have at least 1 item"),
    "misspelt": (b'{"instance": [{"price": [1]}]}', "instances: field required"),
    "nested deeply": (b"[" * 100_000, "nested too deeply"),
    "bad levels": (b'{"instances": [{"a": [1]}], "parameters": {"quantiles": [0.9, 0.1]}}', "ascending order"),
    "unknown levels": (b'{"instances": [{"a": [1]}], "parameters": {"quantiles": [0.001]}}', "its widest interval is"),
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_malformed_body_is_refused(serving: Any, name: str) -> None:
    body, said = BODIES[name]
    answer = serving.post(body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
def test_more_than_an_endpoint_passes_on_is_refused(serving: Any, announced: bool) -> None:
    def chunks() -> Any:
        for _ in range(16):
            yield b" " * 100_000

    content: Any = b" " * 1_500_001 if announced else chunks()
    answer = httpx.post(f"{serving.address}/predict", content=content, timeout=30)
    assert answer.status_code == 413
    assert "more than 1,500,000 bytes" in answer.json()["error"]["message"]


def test_a_request_just_below_the_limit_is_answered(serving: Any, instance_at: Instance) -> None:
    one = len(json.dumps(instance_at(30)))
    answer = serving.post({"instances": [instance_at(30)] * (1_400_000 // one)})
    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == 1_400_000 // one


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "/health", 200), ("GET", "/predict", 405), ("POST", "/elsewhere", 404)]
)
def test_other_routes(serving: Any, method: str, path: str, code: int) -> None:
    answer = httpx.request(method, f"{serving.address}{path}")
    assert answer.status_code == code
    if code != 200:
        assert "predictions are at /predict" in answer.json()["error"]["message"]


def test_two_hundred_requests_at_once_each_get_their_own_answer(serving: Any, instance_at: Instance) -> None:
    starts = [20 + number for number in range(200)]
    alone = serving.post({"instances": [instance_at(start) for start in starts]}).json()["predictions"]

    async def all_at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=serving.address, timeout=60, limits=limits) as client:
            bodies = [json.dumps({"instances": [instance_at(start)]}) for start in starts]
            return await asyncio.gather(*(client.post("/predict", content=body) for body in bodies))

    answers = asyncio.run(all_at_once())
    assert {answer.status_code for answer in answers} == {200}
    found = [answer.json()["predictions"][0]["forecast"] for answer in answers]
    np.testing.assert_allclose(found, [prediction["forecast"] for prediction in alone], rtol=1e-6)
    assert _metric(serving, "serving_batch_size_count") < _metric(serving, "serving_batch_size_sum") / 2


def _metric(serving: Any, name: str) -> float:
    lines = httpx.get(f"{serving.address}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[-1])


def test_metrics_count_requests_by_route_and_status(serving: Any, instance_at: Instance) -> None:
    serving.post({"instances": [instance_at(30)]})
    httpx.get(f"{serving.address}/made-up-{id(serving)}")
    text = httpx.get(f"{serving.address}/metrics").text
    assert 'serving_requests_total{path="/predict",status="200"}' in text
    assert 'serving_requests_total{path="other",status="404"}' in text
    assert "made-up" not in text
    assert "# TYPE serving_request_seconds histogram" in text


def test_the_model_route_says_what_to_send(serving: Any, instance_at: Instance) -> None:
    about = httpx.get(f"{serving.address}/model").json()
    assert (about["lookback"], about["horizon"]) == (12, 7)
    assert set(about["columns"]) == set(instance_at(30)) - {"date"}


def test_no_request_was_an_error_of_the_process(serving: Any) -> None:
    """Last, so that it judges everything that was sent above."""
    assert [line for line in serving.lines() if line["severity"] == "ERROR"] == []
