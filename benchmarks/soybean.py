"""Every model and baseline on the shipped soybean-oil panel, at four horizons: RMSE, MAPE, CRPS and paired tests.

    python -m benchmarks.soybean [--horizons 1m,3m] [--models lstm,linear] [--seeds 0,1,2] [--json]

Stages run as in the pipeline, on the same rows; figures are means over seeds on the hold-out. CRPS puts one spread
about every point forecast: the target's own changes over the horizon on train rows, less their mean. It compares where
forecasts lie, not how sure they are; errors on validation, with 2008 in them, would be no spread for later years.
A model that does not beat the random walk is named as such: registration would refuse it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from benchmarks import Figure, show  # noqa: E402

HORIZONS = "1m,3m,6m,12m"
METRICS = ("rmse", "mape", "crps")
NETWORK = {"epochs": 30, "batch_size": 64, "backup": False, "early_stopping": {"patience": 5}}
MODELS: dict[str, dict[str, Any]] = {
    "lstm": {**NETWORK, "model": {"kind": "lstm"}},
    "gru": {**NETWORK, "model": {"kind": "gru"}},
    "feedforward": {**NETWORK, "model": {"kind": "feedforward"}},
    "linear": {**NETWORK, "model": {"kind": "linear", "dropout": 0.1}},
    "tsmixer": {**NETWORK, "model": {"kind": "tsmixer", "d_ff": 32, "dropout": 0.5}},
    "itransformer": {
        **NETWORK,
        "model": {"kind": "itransformer", "d_model": 32, "heads": 4, "layers": 1, "dropout": 0.3},
        "loss": "huber",
        "epochs": 10,
    },
    "dart": {"model": {"kind": "dart"}, "backup": False},
}


@dataclass(frozen=True)
class Row:
    """Scores of one forecaster, means over seeds; ``p_value`` of the paired test against the random walk."""

    horizon: str
    name: str
    scores: dict[str, float]
    p_value: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--horizons", default=HORIZONS)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    arguments = parser.parse_args()
    names = arguments.models.split(",")
    if unknown := [name for name in names if name not in MODELS]:
        parser.error(f"--models: expected some of {', '.join(MODELS)}, got {', '.join(unknown)}")
    logging.getLogger("tandem.progress").addHandler(logging.NullHandler())  # else its lines are printed
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    show(_figures(arguments.horizons.split(","), names, seeds), peer="random walk", as_json=arguments.json)


def _figures(horizons: list[str], names: list[str], seeds: list[int]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as work:
        table = Path(work) / "table"
        _ingest(table)
        for horizon in horizons:
            rows = _horizon(Path(work), table, horizon, names, seeds)
            _print_table(rows)
            yield from _best(horizon, rows)


def _ingest(table: Path) -> None:
    from components.ingest import step
    from components.ingest.config import IngestConfig
    from pipelines import experiments

    section = experiments.resolve("forecasting", config="lstm_1m").arguments["ingest"]
    step.run(IngestConfig.parse(section, section="ingest"), str(table))


def _horizon(work: Path, table: Path, horizon: str, names: list[str], seeds: list[int]) -> list[Row]:
    from components.preprocess import step
    from components.preprocess.config import PreprocessConfig

    prepared = work / f"prepared-{horizon}"
    section = {"horizon": horizon, "lookback": 30, "target_transform": "log_return"}
    step.run(PreprocessConfig.parse(section, section="preprocess"), str(table), str(prepared))
    runs: dict[str, list[dict[str, NDArray[np.float64]]]] = {}
    truth: dict[str, NDArray[np.float64]] = {}
    for name in names:
        for seed in seeds:
            model = _train(work, prepared, name, seed)
            for who, forecasts in _forecasts(prepared, model, truth).items():
                if who == name or (name == names[0] and seed == seeds[0]):
                    runs.setdefault(who, []).append(forecasts)
    return [_row(horizon, name, forecasts, runs["random_walk"][0], truth) for name, forecasts in runs.items()]


def _train(work: Path, prepared: Path, name: str, seed: int) -> Path:
    from components.train import step
    from components.train.config import TrainConfig

    folder = work / f"{prepared.name}-{name}-{seed}"
    config = TrainConfig.parse(MODELS[name], section="train")
    step.run(config, str(prepared), str(folder), str(work / "curves.html"), device="cpu", seed=seed)
    return folder


def _forecasts(
    prepared_path: Path, model_path: Path, truth: dict[str, NDArray[np.float64]]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Forecasts of the model and of the baselines on the test split; fills in its truth, and the spread of changes."""
    from components.evaluate.baselines import History, forecast_baselines
    from components.shared.artifacts import Prepared, TrainedModel

    prepared, model = Prepared.open(prepared_path), TrainedModel.open(model_path)
    history = History.of(prepared, season=252)
    horizon = prepared.preprocessing.horizon
    starts, train = np.asarray(prepared.starts("test")), prepared.origins(np.asarray(prepared.starts("train")))
    origins = prepared.origins(starts)
    truth["test"] = np.asarray(prepared.targets[origins + horizon])
    changes = np.asarray(prepared.targets[train + horizon] - prepared.targets[train])
    truth["spread"] = changes - changes.mean()
    baselines, _ = forecast_baselines(("random_walk", "ridge", "seasonal_naive"), history, origins)
    return {
        who: {"test": values} for who, values in {model.name: model.forecast(prepared, starts), **baselines}.items()
    }


def _row(
    horizon: str,
    name: str,
    runs: list[dict[str, NDArray[np.float64]]],
    walk: dict[str, NDArray[np.float64]],
    truth: dict[str, NDArray[np.float64]],
) -> Row:
    from components.evaluate.probabilistic import crps_of_sample
    from components.evaluate.significance import compare_pair
    from components.shared.preprocessing import HORIZONS

    scores: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for run in runs:
        error = run["test"] - truth["test"]
        scores["rmse"].append(float(np.sqrt(np.mean(np.square(error)))))
        scores["mape"].append(float(np.mean(np.abs(error / truth["test"])) * 100))
        sample = run["test"][:, None] + truth["spread"]
        scores["crps"].append(float(crps_of_sample(sample, truth["test"]).mean()))
    mean = np.mean([run["test"] for run in runs], axis=0)
    p_value = float("nan")
    if name != "random_walk":
        found = compare_pair("rmse", mean, walk["test"], truth["test"], horizon=HORIZONS[horizon]).p_value
        p_value = p_value if found is None else found
    return Row(horizon, name, {metric: float(np.mean(values)) for metric, values in scores.items()}, p_value)


def _print_table(rows: list[Row]) -> None:
    print(f"# {rows[0].horizon:15} {'RMSE':>8} {'MAPE %':>8} {'CRPS':>8}  p against the random walk", file=sys.stderr)
    for row in sorted(rows, key=lambda row: row.scores["rmse"]):
        figures = " ".join(f"{row.scores[metric]:8.3f}" for metric in METRICS)
        p_value = "" if np.isnan(row.p_value) else f"{row.p_value:.3f}"
        print(f"# {row.name:15} {figures}  {p_value}", file=sys.stderr, flush=True)


def _best(horizon: str, rows: list[Row]) -> Iterator[Figure]:
    walk = next(row for row in rows if row.name == "random_walk")
    learned = [row for row in rows if row.name in MODELS]
    best = min(learned, key=lambda row: row.scores["rmse"])
    passed = best.scores["rmse"] < walk.scores["rmse"]
    says = "beats the random walk" if passed else "does not beat the random walk: it would not be registered"
    print(f"# {horizon}: {best.name} is the best model and {says}", file=sys.stderr, flush=True)
    for metric in METRICS:
        yield Figure(f"soybean_{horizon}_{metric}", best.scores[metric], walk.scores[metric], _unit(metric))


def _unit(metric: str) -> str:
    return "%" if metric == "mape" else "US cents/lb"


if __name__ == "__main__":
    main()
