"""The service over HTTP: answers, descriptions, generated requests, and many clients at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from components.scenario import service
from components.scenario.config import Scenario
from components.scenario.engine import Engine

SHOCK = {"kind": "percent", "features": ["meal*"], "amount": 10}
CLIENTS, EACH = 50, 4


def test_answer_is_the_engines(address: str, engine: Engine) -> None:
    found = httpx.post(f"{address}/api/scenario", json={"shocks": [SHOCK]}).json()
    assert found == engine.run(Scenario.parse({"shocks": [SHOCK]})).model_dump(mode="json")


def test_health_and_ready(address: str) -> None:
    assert httpx.get(f"{address}/health").json() == {"status": "ok"}
    assert httpx.get(f"{address}/ready").json() == {"status": "ready"}


def test_model_is_described(address: str) -> None:
    found = httpx.get(f"{address}/api/model").json()
    assert (found["target"], found["horizon"], found["lookback"], found["passes"]) == ("price", 5, 8, 40)
    # The scenario to begin with derives spread, so it is none of the features to change.
    assert {feature["name"] for feature in found["features"]} == {"price", "meal1", "meal2", "volume"}
    assert found["start"]["derived"][0]["name"] == "spread"


@pytest.mark.parametrize(
    ("form", "begins"), [("csv", b'"scenario","model"'), ("parquet", b"PAR1"), ("png", b"\x89PNG")]
)
def test_export(address: str, form: str, begins: bytes) -> None:
    answer = httpx.post(f"{address}/api/export/{form}", json={"shocks": [SHOCK]}, timeout=30)
    assert answer.content.startswith(begins)
    assert answer.headers["content-disposition"] == f'attachment; filename="scenario.{form}"'


def test_every_problem_is_named_with_its_place(address: str) -> None:
    shocks = [{**SHOCK, "amount": "much"}, {**SHOCK, "shape": {"kind": "cliff"}}]
    answer = httpx.post(f"{address}/api/scenario", json={"shocks": shocks, "names": 1})
    assert answer.status_code == 422
    said = answer.json()["problems"]
    assert len(said) == 3
    assert said[0].startswith("shocks.0.percent.amount: ")


def test_start_that_cannot_be_is_refused_at_once(engine: Engine) -> None:
    with pytest.raises(Exception, match="no feature is called 'x'"):
        service.app(engine, start=Scenario.parse({"vary": ["x"]}))


def test_it_can_be_mounted(engine: Engine) -> None:
    whole = FastAPI()
    whole.mount("/what-if", service.app(engine, hosts=None))
    client = TestClient(whole)
    assert "<title>What if</title>" in client.get("/what-if/").text
    assert client.get("/what-if/static/page.js").status_code == 200
    assert client.post("/what-if/api/scenario", json={"shocks": [SHOCK]}).status_code == 200


def test_page_asks_nothing_of_other_machines() -> None:
    for path in service.STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path


def test_fifty_clients_at_once(address: str, engine: Engine) -> None:
    """None is refused, and each gets its own answer."""

    async def client(number: int) -> list[float]:
        shock = {"kind": "add", "features": ["meal1"], "amount": number}
        async with httpx.AsyncClient(base_url=address, timeout=60) as session:
            answers = [await session.post("/api/scenario", json={"shocks": [shock]}) for _ in range(EACH)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json()["difference"]["points"][-1] for answer in answers]

    async def all_clients() -> list[list[float]]:
        return await asyncio.gather(*(client(number) for number in range(CLIENTS)))

    found = asyncio.run(all_clients())
    per_unit = found[10][0] / 10
    for number, answers in enumerate(found):
        assert answers == pytest.approx([number * per_unit] * EACH, abs=1e-4)


def test_too_many_waiting_are_told_to_come_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_WAITING", 0)
    client = TestClient(service.app(engine, hosts=None))
    answer = client.post("/api/scenario", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200
