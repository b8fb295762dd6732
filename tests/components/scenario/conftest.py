"""A market of 500 business days, models whose answers have a closed form, an engine of each, and the page served."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from components.ingest import step as ingest
from components.ingest.config import IngestConfig
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.scenario import service
from components.scenario.config import Scenario
from components.scenario.engine import Engine
from components.shared.artifacts import Prepared
from components.shared.files import new_folder, write_json

ROWS, LOOKBACK, HORIZON, PASSES = 500, 8, 5, 40
LEVELS = [round(level, 3) for level in np.arange(0.005, 1.0, 0.005).tolist()]


@dataclass(frozen=True)
class Market:
    """Files of one series, and the model folders made of it."""

    csv: Path
    table: Path
    model: Path


def write_csv(path: Path) -> Path:
    """Prices of business days: meal1 and meal2 move together, spread follows from price and meal1, volume has holes."""
    rng = np.random.default_rng(5)
    days = np.busday_offset("2020-01-01", np.arange(ROWS), roll="forward")
    price = 50 + rng.normal(0, 0.5, ROWS).cumsum()
    meal1 = 300 + rng.normal(0, 2, ROWS).cumsum()
    meal2 = meal1 + 5 + rng.normal(0, 0.1, ROWS)
    volume = rng.normal(1e4, 1e3, ROWS)
    lines = ["day,price,meal1,meal2,spread,volume"]
    for row in range(ROWS):
        hole = "" if row % 17 == 3 or row == ROWS - 1 else repr(float(volume[row]))
        numbers = (price[row], meal1[row], meal2[row], price[row] - meal1[row])
        lines.append(f"{days[row]},{','.join(repr(float(number)) for number in numbers)},{hole}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_model(path: Path, prepared: Path, network: Any, **signature: Any) -> Path:
    """A model folder around a network, with residuals that run evenly from -2 to 1."""
    preprocessing = Prepared.open(prepared).preprocessing
    with new_folder(path) as scratch:
        network.save(scratch / "model.keras")
        preprocessing.write(scratch / "preprocessing.json")
        inputs = {tensor.name: [None, *tensor.shape[1:]] for tensor in network.inputs}
        shown = {"inputs": inputs, "outputs": {"forecast": [None, *network.output_shape[1:]]}}
        write_json(scratch / "signature.json", {"kind": "linear", **shown, **signature})
        quantiles = np.linspace(-2, 1, len(LEVELS)).tolist()
        write_json(scratch / "residuals.json", {"levels": LEVELS, "quantiles": quantiles, "windows": 99})
    return path


def prepare(folder: Path, csv: Path, section: dict[str, Any], **source: Any) -> tuple[Path, Path]:
    """Table and prepared artifact of a CSV file."""
    given = {"source": {"kind": "csv", "path": str(csv)}, "time": "day", "target": "price", **source}
    ingest.run(IngestConfig.parse(given), folder / "table")
    config = {"horizon": HORIZON, "lookback": LOOKBACK, "target_transform": "difference", **section}
    preprocess.run(PreprocessConfig.parse(config), folder / "table", folder / "prepared")
    return folder / "table", folder / "prepared"


def linear_network(prepared: Path, *, dropout: float) -> Any:
    """One weighted sum of the window, so that every answer has a closed form."""
    import keras

    keras.utils.set_random_seed(3)
    preprocessing = Prepared.open(prepared).preprocessing
    window = keras.Input((preprocessing.lookback, len(preprocessing.features)), name="window")
    flat = keras.layers.Flatten(name="flatten")(window)
    thinned = keras.layers.Dropout(dropout, name="dropout")(flat) if dropout else flat
    return keras.Model(window, keras.layers.Dense(1, name="forecast")(thinned))


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("market")
    csv = write_csv(folder / "rows.csv")
    table, prepared = prepare(folder, csv, {})
    model = write_model(folder / "model", prepared, linear_network(prepared, dropout=0.3))
    return Market(csv, table, model)


@pytest.fixture(scope="session")
def engine(market: Market) -> Engine:
    return Engine.load(market.model, market.table, passes=PASSES)


@pytest.fixture(scope="session")
def weights(engine: Engine) -> Any:
    """Weights of the linear model by row and feature, (lookback, features), on scaled values."""
    kernel = np.asarray(engine.model.keras.get_layer("forecast").kernel)
    return kernel.reshape(LOOKBACK, len(engine.model.preprocessing.features))


@pytest.fixture(scope="session")
def expected(engine: Engine, weights: Any) -> Any:
    """Change of the forecast when raw values of one feature change by ``moves`` (lookback,): the closed form."""
    preprocessing = engine.model.preprocessing

    def change(name: str, moves: Any) -> float:
        position = preprocessing.feature_names.index(name)
        scaled = np.asarray(moves) / preprocessing.features[position].scale
        return float(weights[:, position] @ scaled * preprocessing.target.scale)

    return change


@pytest.fixture(scope="session")
def path_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A model of the whole path that reads a holiday flag and the calendar over the rows ahead; it has no dropout."""
    import keras

    folder = tmp_path_factory.mktemp("path")
    rng = np.random.default_rng(8)
    days = np.busday_offset("2020-01-01", np.arange(ROWS), roll="forward")
    price, holiday = 50 + rng.normal(0, 0.5, ROWS).cumsum(), rng.integers(0, 2, ROWS)
    future = ROWS - HORIZON  # the rows from here on have not happened: only the flag is known
    lines = ["day,price,holiday"] + [
        f"{days[row]},{'' if row >= future else repr(float(price[row]))},{holiday[row]}" for row in range(ROWS)
    ]
    rows = folder / "rows.csv"
    rows.write_text("\n".join(lines) + "\n")
    known = folder / "known.csv"
    known.write_text("\n".join(lines[: future + 1]) + "\n")
    columns = [
        {"name": "day", "dtype": "timestamp", "role": "time"},
        {"name": "price", "dtype": "float64", "role": "target"},
        {"name": "holiday", "dtype": "float64", "role": "known_ahead"},
    ]
    section = {"predict": "target_path", "calendar": ["day_of_week"]}
    catalog = {"time": None, "target": None, "catalog": {"columns": columns}}
    _, prepared = prepare(folder, known, section, **catalog)
    preprocessing = Prepared.open(prepared).preprocessing
    window = keras.Input((LOOKBACK, len(preprocessing.features)), name="window")
    ahead = keras.Input((HORIZON, preprocessing.known), name="ahead")
    last = keras.layers.Reshape((1, 1))(window[:, -1, 0])
    effect = keras.layers.Dense(1, kernel_initializer="ones", name="effect")(ahead)
    network = keras.Model([window, ahead], keras.layers.Add(name="forecast")([last, effect]))
    model = write_model(folder / "model", prepared, network)
    return Engine.load(model, rows)


@pytest.fixture(scope="session")
def address(engine: Engine) -> Iterator[str]:
    """The service of ``engine`` on a free port of this machine."""
    derived = {"kind": "difference", "name": "spread", "of": ["price", "meal1"]}
    start = Scenario.parse({"derived": [derived]})
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    config = uvicorn.Config(service.app(engine, start=start), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; a test fails if a script fails, a policy blocks something, or it asks another machine."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page.set_default_timeout(10_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if _is_trouble(message) else None)
    page.on("request", lambda asked: None if asked.url.startswith((address, "blob:")) else troubles.append(asked.url))
    page.goto(address)
    yield page
    page.close()
    assert troubles == []


def _is_trouble(message: Any) -> bool:
    """An error of a script or of the policy, not the answer to a request that was refused on purpose."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")
