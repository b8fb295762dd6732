"""What a what-if scenario costs: in this process, over HTTP, and with fifty clients at once.

    python -m benchmarks.scenario [--json] [--quick]

A scenario is a shock to soybean meal on the shipped panel: 100 passes of Monte Carlo dropout of an LSTM (64, 32) over
(30, 57), for baseline and scenario, intervals, plausibility, and the answer as JSON. The peer is what one writes first:
the same model called with ``training=True`` pass by pass, once for the baseline and once for the scenario; it makes a
tenth of the passes, and is scaled up. Wall milliseconds where not said otherwise: on a busy machine trust ratios and
CPU. The service computes two requests at a time.

scenario_cpu_ms                 CPU of one, in this process
scenario_p50_ms, _p95_ms        one after the other, in this process
http_p50_ms, _p95_ms            one client of ``python -m components.scenario serve``
clients_50_p95_ms               from sending to answer, fifty clients that each ask again at once
clients_50_cpu_ms               CPU of the server a scenario, meanwhile; the peer's is its own
clients_50_answered             requests answered with 200, of those sent
tornado_ms, goal_ms             57 features down and up; the peer asks for one window at a time
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

from benchmarks import Figure, show  # noqa: E402

if TYPE_CHECKING:
    from components.scenario.engine import Engine

PASSES, CLIENTS = 100, 50
PEER_PASSES = 10
"""What the peer makes of them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    given = parser.parse_args()
    logging.getLogger("tandem.progress").addHandler(logging.NullHandler())  # else its lines are printed
    with tempfile.TemporaryDirectory() as scratch:
        figures = _figures(Path(scratch), 40 if given.quick else 400)
        show(figures, peer="pass by pass", as_json=given.json)


def _figures(folder: Path, repetitions: int) -> Iterator[Figure]:
    from components.scenario.engine import Engine

    table, model = _trained(folder)
    engine = Engine.load(model, table, passes=PASSES)
    peer_walls, peer_cpu = _timed(lambda number: _pass_by_pass(engine, number), 10, scale=PASSES / PEER_PASSES)
    ours, cpu = _timed(lambda number: _in_process(engine, number), repetitions)
    yield Figure("scenario_cpu_ms", cpu, peer_cpu, "ms")
    yield from _quantiles("scenario", ours, peer_walls)
    with _served(model, table) as (address, process):
        walls = asyncio.run(_clients(address, 1, repetitions))[0]
        yield from _quantiles("http", walls, peer_walls)
        before = _cpu(process)
        each = max(2, repetitions // 20)
        walls, failed = asyncio.run(_clients(address, CLIENTS, each))
        sent = CLIENTS * each
        yield Figure("clients_50_p95_ms", _at(walls, 95), _at(peer_walls, 95), "ms")
        yield Figure("clients_50_cpu_ms", (_cpu(process) - before) / sent * 1e3, peer_cpu, "ms")
        yield Figure("clients_50_answered", sent - failed, sent, "requests")
    yield from _sweeps(engine, max(3, repetitions // 20))
    if failed:
        raise SystemExit(f"{failed} of {sent} requests of {CLIENTS} clients failed")


def _trained(folder: Path) -> tuple[Path, Path]:
    """A table artifact of the shipped panel, and a model trained on it for one epoch, which costs the same to ask."""
    from components.ingest import step as ingest
    from components.ingest.config import IngestConfig
    from components.preprocess import step as preprocess
    from components.preprocess.config import PreprocessConfig
    from components.train import step as train
    from components.train.config import TrainConfig

    source = {"kind": "parquet", "path": "sample:soybean_oil.parquet"}
    ingest.run(IngestConfig.parse({"source": source, "catalog": "sample:feature_catalog.yaml"}), folder / "table")
    config = {"horizon": "1m", "lookback": 30, "target_transform": "log_return"}
    preprocess.run(PreprocessConfig.parse(config), folder / "table", folder / "prepared")
    training = {"model": {"kind": "lstm", "units": [64, 32]}, "epochs": 1, "backup": False}
    train.run(
        TrainConfig.parse(training), folder / "prepared", model_path=folder / "model", curves_path=folder / "c.html"
    )
    return folder / "table", folder / "model"


def _asked(number: int) -> dict[str, Any]:
    """A scenario that was not asked before."""
    shape = {"kind": "ramp", "start": -4, "rows": 5}
    return {"shocks": [{"kind": "percent", "features": ["SM_price*"], "amount": 0.01 * (number + 1), "shape": shape}]}


def _in_process(engine: Engine, number: int) -> None:
    from components.scenario.config import Scenario

    engine.run(Scenario.parse(_asked(number))).model_dump_json()


def _pass_by_pass(engine: Engine, number: int) -> None:
    """The same passes without our engine: each is one eager call of the Keras model with dropout on."""
    from components.scenario import windows
    from components.scenario.config import Scenario

    changed = engine.changed(Scenario.parse(_asked(number)))
    for columns in ({}, changed.columns):
        inputs = windows.inputs(engine.model, changed.frame, [columns])
        passes = [engine.model.keras(inputs["window"], training=True) for _ in range(PEER_PASSES)]
        np.quantile(np.asarray(passes), [0.05, 0.5, 0.95])


def _sweeps(engine: Engine, repetitions: int) -> Iterator[Figure]:
    from components.scenario import goal_seek, tornado, windows
    from components.scenario.config import GoalRequest, TornadoRequest

    frame = engine.frame(engine.history.last)
    window = windows.inputs(engine.model, frame, [{}])["window"]

    goal = GoalRequest(goal=engine.run(TornadoRequest().scenario).baseline.points[-1] * 1.01, features=("target",))
    for name, work, calls in (
        ("tornado", lambda _: tornado.run(engine, TornadoRequest()), 2 * len(engine.names.columns)),
        ("goal", lambda _: goal_seek.run(engine, goal), goal_seek.GRID),
    ):
        ours, _ = _timed(work, repetitions)
        peer, _ = _timed(lambda _: engine.model.predict(window), 10, scale=calls)
        yield Figure(f"{name}_ms", _at(ours, 50), _at(peer, 50), "ms")


def _timed(work: Callable[[int], object], repetitions: int, *, scale: float = 1.0) -> tuple[list[float], float]:
    """Wall milliseconds of each repetition after one that warms up, and CPU milliseconds of one on average."""
    work(-1)
    walls, cpu = [], time.process_time()
    for number in range(repetitions):
        began = time.perf_counter()
        work(number)
        walls.append((time.perf_counter() - began) * 1e3 * scale)
    return walls, (time.process_time() - cpu) / repetitions * 1e3 * scale


async def _clients(address: str, clients: int, each: int) -> tuple[list[float], int]:
    """Wall milliseconds of every request of so many clients, and how many were not answered with 200."""
    import httpx

    async def client(number: int) -> list[tuple[float, int]]:
        found = []
        async with httpx.AsyncClient(base_url=address, timeout=120) as session:
            for i in range(each):
                began = time.perf_counter()
                answer = await session.post("/api/scenario", json=_asked(number * each + i))
                found.append(((time.perf_counter() - began) * 1e3, answer.status_code))
        return found

    found = [one for many in await asyncio.gather(*map(client, range(clients))) for one in many]
    return [wall for wall, _ in found], sum(status != 200 for _, status in found)


@contextmanager
def _served(model: Path, table: Path) -> Iterator[tuple[str, int]]:
    """The service in a process of its own: its address and its process id."""
    command = [sys.executable, "-m", "components.scenario", "serve", str(model), "--rows", str(table), "--port", "0"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline() if process.stdout else "")
            if found is None:
                raise SystemExit("the service did not start")
            yield found[0], process.pid
        finally:
            process.terminate()


def _cpu(process: int) -> float:
    """CPU seconds of a process so far."""
    import psutil

    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def _quantiles(name: str, ours: list[float], peer: list[float]) -> Iterator[Figure]:
    for percent in (50, 95):
        yield Figure(f"{name}_p{percent}_ms", _at(ours, percent), _at(peer, percent), "ms")


def _at(walls: list[float], percent: int) -> float:
    return float(np.percentile(walls, percent))


if __name__ == "__main__":
    main()
