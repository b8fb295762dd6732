"""A process that serves a small model on this machine, and instances made from the rows the model knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from components.serving.predictor import Predictor
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.files import write_json

LEVELS = [round(level, 3) for level in np.arange(0.005, 1.0, 0.005).tolist()]


@dataclass
class Running:
    """A serving process: where it answers, and what it said of itself."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def post(self, body: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.address}/predict", content=content, timeout=30)


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path, model_folder: Path) -> Path:
    """The small model with residuals that run evenly from -2 to 1, so it has quantiles."""
    import shutil

    folder = tmp_path_factory.mktemp("served") / "model"
    shutil.copytree(model_folder, folder)
    quantiles = np.linspace(-2, 1, len(LEVELS)).tolist()
    write_json(folder / "residuals.json", {"levels": LEVELS, "quantiles": quantiles, "windows": 99})
    return folder


@pytest.fixture(scope="session")
def predictor(served_folder: Path) -> Predictor:
    return Predictor.load(TrainedModel.open(served_folder), "price-7/1")


@pytest.fixture(scope="session")
def instance_at(prepared_folder: Path) -> Callable[..., dict[str, Any]]:
    """Raw columns of the window that starts at a row, as a client has them; ``before`` adds older rows."""
    prepared = Prepared.open(prepared_folder)
    manifest = prepared.preprocessing

    def instance(start: int, before: int = 0) -> dict[str, Any]:
        rows = slice(start - before, start + manifest.lookback)
        found: dict[str, Any] = {"date": [str(time)[:10] for time in prepared.times[rows]]}
        for position, feature in enumerate(manifest.features):
            found[feature.name] = (prepared.features[rows, position] * feature.scale + feature.center).tolist()
        found["price"] = prepared.targets[rows].tolist()
        return found

    return instance


@pytest.fixture(scope="session")
def start_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Starts a serving process; all of them are ended with the tests."""
    running: list[subprocess.Popen[bytes]] = []

    def start(model: Path, **environment: str) -> Running:
        command = [sys.executable, "-m", "components.serving", "--port", "0"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIP_")}
        log = tmp_path_factory.mktemp("serving") / "log.jsonl"
        # A file: a pipe that nobody reads is full after a few hundred lines, and would stop the process.
        with log.open("wb") as stdout:
            process = subprocess.Popen(
                command,
                env={**kept, "AIP_STORAGE_URI": str(model), "OMP_NUM_THREADS": "1", **environment},
                stdout=stdout,
                stderr=subprocess.DEVNULL,
            )
        running.append(process)
        while process.poll() is None:
            started = [line for line in log.read_text().splitlines() if '"serving": {' in line]
            if started:
                return Running(process, f"http://127.0.0.1:{json.loads(started[0])['port']}", log)
            time.sleep(0.05)
        raise AssertionError(f"the process ended with {process.returncode} before it served: {log.read_text()}")

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def serving(start_serving: Callable[..., Running], served_folder: Path) -> Running:
    return start_serving(served_folder, SERVING_DRAIN_SECONDS="0")
