"""The serving process under load, beside a naive one: a loop that asks the Keras model for one request at a time.

    python -m benchmarks.serving [--json] [--seconds 4] [--clients 32]

Both are processes of their own on the loopback, with the same checks of requests and the same answers; clients keep
their connections and each sends its next request when it has its answer. The model is an LSTM of 64 and 32 units over
30 rows of 57 features with random weights, as big as the shipped one. Also: the same process without batches.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import Figure, show  # noqa: E402

LOOKBACK, FEATURES, HORIZON = 30, 57, 21


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each is under load")
    parser.add_argument("--clients", type=int, default=32, help="clients at a time")
    parser.add_argument("--naive", metavar="MODEL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.naive:
        _serve_naively(Path(given.naive))
        return
    show(_figures(given.seconds, given.clients), peer="naive loop", as_json=given.json)


def _figures(seconds: float, clients: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        model = _model(Path(scratch) / "model")
        ours = [sys.executable, "-m", "components.serving", "--model", str(model), "--port", "0"]
        naive = [sys.executable, "-m", "benchmarks.serving", "--naive", str(model)]
        peer = _load(naive, {}, seconds, clients)
        for name, environment in (("", {}), ("_unbatched", {"SERVING_MAX_BATCH": "1"})):
            found = _load(ours, environment, seconds, clients)
            yield Figure(f"requests_per_s{name}", len(found) / seconds, len(peer) / seconds, "1/s")
            yield Figure(f"p50{name}_ms", 1e3 * _percentile(found, 0.50), 1e3 * _percentile(peer, 0.50), "ms")
            yield Figure(f"p99{name}_ms", 1e3 * _percentile(found, 0.99), 1e3 * _percentile(peer, 0.99), "ms")


def _model(path: Path) -> Path:
    """A model folder with an LSTM of random weights."""
    import keras

    from components.shared.files import new_folder, write_json
    from components.shared.preprocessing import FeatureScaling, Preprocessing, SplitRows, TargetScaling

    keras.utils.set_random_seed(0)
    window = keras.Input((LOOKBACK, FEATURES), name="window")
    hidden = keras.layers.LSTM(64, return_sequences=True)(window)
    network = keras.Model(window, keras.layers.Dense(1, name="forecast")(keras.layers.LSTM(32)(hidden)))
    scaling = [FeatureScaling(name=f"f{i}", fill=0.0, center=40.0, scale=2.0) for i in range(FEATURES)]
    days = SplitRows(first=29, last=99, first_date="2020-01-30", last_date="2020-04-09", windows=71)
    with new_folder(path) as scratch:
        network.save(scratch / "model.keras")
        Preprocessing(
            time="date", features=tuple(scaling), lookback=LOOKBACK, horizon=HORIZON, horizon_name="1m",
            target=TargetScaling(name="f0", transform="log_return", center=0.0, scale=0.07),
            splits={"train": days}, embargo=0, rows=100, source_digest="sha256:0",
        ).write(scratch / "preprocessing.json")  # fmt: skip
        write_json(scratch / "signature.json", {"kind": "lstm", "inputs": {"window": [None, LOOKBACK, FEATURES]}})
        levels = [round(0.005 * step, 3) for step in range(1, 200)]
        write_json(scratch / "residuals.json", {"levels": levels, "quantiles": [level - 0.5 for level in levels]})
    return path


def _serve_naively(model_path: Path) -> None:
    """Answer the same requests with ``model.predict``, one after the other."""
    import numpy as np
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from components.serving import messages
    from components.serving.predictor import Predictor
    from components.shared.artifacts import TrainedModel

    predictor = Predictor.load(TrainedModel.open(model_path), "naive")

    async def predict(request: Request) -> Response:
        asked = messages.read(await request.body())
        instances = predictor.reader.read(asked.instances)
        windows = predictor.reader.inputs(instances)["window"]
        described = np.asarray(predictor.model.keras.predict(windows, verbose=0))
        return Response(messages.write(predictor.predictions(instances, described, asked.parameters)))

    application = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", lifespan="off"))

    async def serve() -> None:
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        sys.stdout.write(json.dumps({"port": server.servers[0].sockets[0].getsockname()[1]}) + "\n")
        sys.stdout.flush()
        await running

    asyncio.run(serve())


def _load(command: list[str], environment: dict[str, str], seconds: float, clients: int) -> list[float]:
    """Seconds that each request took while a process was under load."""
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("wb") as stdout:
        process = subprocess.Popen(
            command, env={**os.environ, "SERVING_DRAIN_SECONDS": "0", **environment}, stdout=stdout,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = _port(process, Path(log.name))
            asyncio.run(_clients(port, min(1.0, seconds), clients))  # warm up
            return asyncio.run(_clients(port, seconds, clients))
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if isinstance(port := json.loads(line).get("port"), int):
                return port
        time.sleep(0.05)
    raise RuntimeError(f"the process ended with {process.returncode}: {log.read_text()}")


async def _clients(port: int, seconds: float, clients: int) -> list[float]:
    instance = {f"f{i}": [40 + (row * i) % 7 / 10 for row in range(LOOKBACK)] for i in range(FEATURES)}
    body = json.dumps({"instances": [instance]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    end = time.perf_counter() + seconds
    found = await asyncio.gather(*(_client(port, head + body, end) for _ in range(clients)))
    return [took for each in found for took in each]


async def _client(port: int, request: bytes, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    while (begun := time.perf_counter()) < end:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        took.append(time.perf_counter() - begun)
    writer.close()
    return took


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
