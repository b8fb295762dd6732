"""SIGTERM under load: what was sent is answered, and the process ends well."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

WORKERS, BEFORE = 24, 150


@dataclass
class Tally:
    """What became of the requests of all workers."""

    answered: int = 0
    after_signal: int = 0
    lost: list[str] = field(default_factory=list)
    draining: bool = False
    enough: asyncio.Event = field(default_factory=asyncio.Event)


async def _send_until_unhealthy(client: httpx.AsyncClient, body: str, tally: Tally) -> None:
    """What a load balancer lets through: request after request, until health has said to send no more."""
    while not tally.draining:
        signalled = tally.enough.is_set()
        try:
            answer = await client.post("/predict", content=body)
        except httpx.HTTPError as error:
            tally.lost.append(repr(error))
            tally.enough.set()
            return
        if answer.status_code != 200:
            tally.lost.append(answer.text)
        tally.answered += 1
        tally.after_signal += signalled
        if tally.answered >= BEFORE:
            tally.enough.set()


async def _watch_health(client: httpx.AsyncClient, tally: Tally) -> None:
    while (await client.get("/health")).status_code == 200:
        await asyncio.sleep(0.1)
    tally.draining = True


async def _load(running: Any, body: str) -> Tally:
    tally = Tally()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=running.address, timeout=60, limits=limits) as client:
        workers = [asyncio.create_task(_send_until_unhealthy(client, body, tally)) for _ in range(WORKERS)]
        watch = asyncio.create_task(_watch_health(client, tally))
        await tally.enough.wait()
        running.process.send_signal(signal.SIGTERM)
        await asyncio.gather(watch, *workers)
    return tally


@pytest.mark.slow
def test_no_request_is_lost_when_the_process_is_told_to_end(
    start_serving: Callable[..., Any], served_folder: Path, instance_at: Callable[..., dict[str, Any]]
) -> None:
    running = start_serving(served_folder, SERVING_DRAIN_SECONDS="5")
    tally = asyncio.run(_load(running, json.dumps({"instances": [instance_at(30)]})))
    returned, lines = running.process.wait(timeout=30), running.lines()
    assert tally.lost == []
    assert tally.after_signal > 0
    assert returned == 0
    assert lines[-1]["message"] == "ended"
    served = [line for line in lines if line.get("httpRequest", {}).get("requestUrl") == "/predict"]
    assert len(served) == tally.answered
    assert served[0]["severity"] == "INFO"
    assert served[0]["httpRequest"]["latency"].endswith("s")
