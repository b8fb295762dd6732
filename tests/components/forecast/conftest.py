"""A market of 400 business days, from its CSV file to a model that was evaluated on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from components.evaluate import step as evaluate
from components.evaluate.config import EvaluateConfig
from components.ingest import step as ingest
from components.ingest.config import IngestConfig
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared
from components.shared.files import new_folder, write_json

ROWS, LOOKBACK, HORIZON = 400, 10, 5
LEVELS = [round(level, 3) for level in np.arange(0.005, 1.0, 0.005).tolist()]


@dataclass(frozen=True)
class Market:
    """Folders of one series: ``csv`` its rows, the artifacts made of it, and what evaluate forecast."""

    csv: Path
    table: Path
    prepared: Path
    model: Path
    forecasts: Path


def write_csv(path: Path) -> Path:
    """Prices of business days with a few holes in the features, and a column of text that no model reads."""
    rng = np.random.default_rng(5)
    days = np.busday_offset("2020-01-01", np.arange(ROWS), roll="forward")
    price = 50 * np.exp(rng.normal(0, 0.01, ROWS).cumsum())
    volume, spread = rng.normal(1e4, 1e3, ROWS), rng.normal(size=ROWS)
    lines = ["day,price,volume,spread"]
    for row in range(ROWS):
        hole = "" if row % 17 == 3 else repr(float(volume[row]))
        lines.append(f"{days[row]},{float(price[row])!r},{hole},{float(spread[row])!r}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_model(path: Path, prepared_path: Path) -> Path:
    """A model with random, seeded weights, and residuals that run evenly from -2 to 1."""
    import keras

    keras.utils.set_random_seed(3)
    preprocessing = Prepared.open(prepared_path).preprocessing
    window = keras.Input((preprocessing.lookback, len(preprocessing.features)), name="window")
    hidden = keras.layers.Dense(8, activation="tanh")(keras.layers.Flatten()(window))
    network = keras.Model(window, keras.layers.Dense(1, name="forecast")(hidden))
    with new_folder(path) as scratch:
        network.save(scratch / "model.keras")
        preprocessing.write(scratch / "preprocessing.json")
        signature = {
            "kind": "feedforward",
            "inputs": {"window": [None, preprocessing.lookback, len(preprocessing.features)]},
            "outputs": {"forecast": [None, 1]},
            "distribution": {"kind": "point", "point": 0},
        }
        write_json(scratch / "signature.json", signature)
        quantiles = np.linspace(-2, 1, len(LEVELS)).tolist()
        write_json(scratch / "residuals.json", {"levels": LEVELS, "quantiles": quantiles, "windows": 99})
    return path


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("market")
    made = Market(
        write_csv(folder / "rows.csv"), folder / "table", folder / "prepared", folder / "model", folder / "forecasts"
    )
    source = {"source": {"kind": "csv", "path": str(made.csv)}, "time": "day", "target": "price"}
    ingest.run(IngestConfig.parse(source), made.table)
    preprocess.run(
        PreprocessConfig.parse({"horizon": HORIZON, "lookback": LOOKBACK, "target_transform": "log_return"}),
        made.table,
        made.prepared,
    )
    write_model(made.model, made.prepared)
    evaluate.run(
        EvaluateConfig(baselines=("random_walk",)),
        made.prepared,
        made.model,
        metrics_path=folder / "metrics",
        forecasts_path=made.forecasts,
        report_path=folder / "report.html",
    )
    return made
