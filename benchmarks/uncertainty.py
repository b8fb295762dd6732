"""Bands on the shipped soybean-oil panel, what Monte Carlo dropout costs, and how often paired tests reject equals.

    python -m benchmarks.uncertainty [--parts bands,cost,tests] [--horizons 1m,3m] [--folds 5] [--json]

``bands``  a rolling test: the model is trained again before each fold on what was known by then, and every window is
           forecast once. As the series is, and with its moves doubled or halved from the middle of the test on. The
           first fold warms the calibration up and is not counted. Peer: the share that was promised.
``cost``   100 passes of Monte Carlo dropout over one window in CPU ms. Peer: one compiled call of the trained network
           on as many rows, without dropout.
``tests``  share of simulated worlds in which a 5 % test rejects equals, and in which it finds a forecaster that errs
           twice as much. Peer: 5 %.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

from benchmarks import Figure, show  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.evaluate.uncertainty import Judged
    from components.shared.artifacts import Prepared, TrainedModel

TRAIN = {
    "model": {"kind": "lstm", "units": [64, 32]},
    "epochs": 30,
    "early_stopping": {"patience": 5},
}
KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"units": [64, 32]},
    "gru": {"units": [64, 32]},
    "feedforward": {},
    "itransformer": {"d_model": 64, "heads": 4},
}
SPLIT = {"train": 0.3, "validation": 0.1}
TEST = 0.6
"""Share of the rows that the rolling test goes over."""
FACTORS = {"as it is": 1.0, "moves doubled": 2.0, "moves halved": 0.5}
PASSES, REPEATS, WORLDS = 100, 30, 4000
SETTINGS = {"1 row": (200, 1), "1m": (518, 21), "3m": (476, 63)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="cost,tests,bands")
    parser.add_argument("--horizons", default="1m,3m")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    arguments = parser.parse_args()
    logging.getLogger("tandem.progress").addHandler(logging.NullHandler())  # else its lines are printed
    parts: dict[str, Callable[[], Iterator[Figure]]] = {
        "cost": _cost,
        "tests": _tests,
        "bands": lambda: _bands(arguments.horizons.split(","), arguments.folds),
    }
    for part in arguments.parts.split(","):
        if part not in parts:
            parser.error(f"--parts: expected some of {', '.join(parts)}, got {part}")
        show(parts[part](), peer="peer", as_json=arguments.json)


def _bands(horizons: list[str], folds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for horizon in horizons:
            for label, factor in FACTORS.items():
                prepared = _prepared(work / f"{horizon}-{factor}", horizon, factor)
                yield from _rolling(work / f"{horizon}-{factor}", prepared, horizon, label, folds)


def _prepared(work: Path, horizon: str, factor: float) -> Prepared:
    """The panel, with the target's moves scaled from the middle of the test on."""
    from components.ingest import step as ingest
    from components.ingest.config import IngestConfig
    from components.preprocess import step as preprocess
    from components.preprocess.config import PreprocessConfig
    from components.shared.artifacts import Prepared, Table, write_table
    from pipelines import experiments

    section = experiments.resolve("forecasting", config="lstm_1m").arguments["ingest"]
    ingest.run(IngestConfig.parse(section, section="ingest"), str(work / "table"))
    table = Table.open(work / "table")
    rows = table.read()
    name = next(column.name for column in table.schema.columns if column.role == "target")
    moves = np.diff(np.log(rows[name].to_numpy()), prepend=np.log(rows[name][0].as_py()))
    moves[int(len(moves) * (1 - TEST / 2)) :] *= factor
    shifted = rows[name][0].as_py() * np.exp(np.cumsum(moves))
    changed = rows.set_column(rows.schema.get_field_index(name), name, [shifted])
    write_table(work / "shifted", table.schema, changed.to_batches())
    config = {"horizon": horizon, "lookback": 30, "target_transform": "log_return", "split": SPLIT}
    preprocess.run(PreprocessConfig.parse(config, section="preprocess"), str(work / "shifted"), str(work / "prepared"))
    return Prepared.open(work / "prepared")


def _rolling(work: Path, prepared: Prepared, horizon: str, label: str, folds: int) -> Iterator[Figure]:
    from components.evaluate.config import UncertaintyConfig
    from components.evaluate.overlap import effective_windows
    from components.evaluate.uncertainty import Outlook

    starts = np.asarray(prepared.starts("test"))
    parts = np.array_split(starts, folds)
    made = [_fold(work / f"fold-{position}", prepared, part) for position, part in enumerate(parts)]
    point = np.concatenate([point for point, _ in made])
    raw = np.concatenate([raw for _, raw in made])
    outlook = Outlook(prepared, starts, len(starts) - len(parts[0]), prepared.preprocessing.horizon)
    worth = effective_windows(outlook.of_test, prepared.preprocessing.horizon)
    print(f"# {horizon}, {label}: {outlook.of_test} windows, worth {worth:.0f} independent ones", file=sys.stderr)
    for method in ("raw", "split", "cqr", "adaptive"):
        judged = outlook.calibrated(method, point, raw, UncertaintyConfig())
        _print_row(method, judged)
        name = f"{horizon}_{label.replace(' ', '_')}_{method}_coverage_90"
        yield Figure(name, 100 * judged.interval(0.9).coverage, 90.0, "%")


def _fold(work: Path, prepared: Prepared, starts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Point forecasts and quantiles of Monte Carlo dropout of one fold's windows, by a model trained before it."""
    from components.evaluate.backtest import fold_folder
    from components.evaluate.spread import Spread

    every = np.concatenate([np.asarray(prepared.starts(split)) for split in ("train", "validation", "test")])
    known = every[prepared.origins(every) + prepared.preprocessing.horizon < prepared.origins(starts)[0]]
    model = _train(work, fold_folder(prepared, work / "prepared", known), TRAIN)
    raw = Spread.of(model, passes=PASSES).quantiles(model, prepared, starts)
    assert raw is not None, "the LSTM has dropout"
    return model.forecast(prepared, starts), raw


def _train(work: Path, prepared: Path, section: dict[str, Any]) -> TrainedModel:
    from components.shared.artifacts import TrainedModel
    from components.train import step
    from components.train.config import TrainConfig

    config = TrainConfig.parse({**section, "backup": False}, section="train")
    step.run(config, str(prepared), str(work / "model"), str(work / "curves.html"), device="cpu")
    return TrainedModel.open(work / "model")


def _print_row(method: str, judged: Judged) -> None:
    shares = " ".join(f"{100 * interval.coverage:6.1f}" for interval in judged.intervals)
    ninety = judged.interval(0.9)
    figures = f"width {ninety.width:6.2f}  Winkler {ninety.winkler:6.2f}  CRPS {judged.crps:.3f}"
    print(f"#   {method:9} {shares}  {figures}", file=sys.stderr, flush=True)


def _cost() -> Iterator[Figure]:
    from components.shared.monte_carlo import MonteCarlo

    with tempfile.TemporaryDirectory() as folder:
        prepared = _prepared(Path(folder), "1m", 1.0)
        window = prepared.windows(np.asarray(prepared.starts("test"))[:1])
        for kind, settings in KINDS.items():
            model = _train(Path(folder) / kind, prepared.path, {"model": {"kind": kind, **settings}, "epochs": 1})
            sampler = MonteCarlo.of(model, passes=PASSES)
            plain = _plain_call(model.keras, np.repeat(window, PASSES, axis=0))
            ours, peer = _paired_times(partial(sampler.scaled, window), plain)
            yield Figure(f"monte_carlo_{kind}_{PASSES}_passes", ours, peer, "CPU ms")


def _plain_call(network: Any, rows: NDArray[np.float32]) -> Callable[[], Any]:
    import tensorflow as tf

    call = tf.function(lambda given: network(given, training=False))
    return lambda: call(tf.constant(rows)).numpy()


def _paired_times(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float]:
    """Median CPU milliseconds of two calls, taken in turns so that other work on the machine meets both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for repeat in range(REPEATS + 3):
        for call, times in zip((first, second), taken, strict=True):
            begin = time.process_time()
            call()
            if repeat >= 3:
                times.append(1000 * (time.process_time() - begin))
    return float(np.median(taken[0])), float(np.median(taken[1]))


def _tests() -> Iterator[Figure]:
    from components.evaluate.resampling import bootstrap_mean
    from components.evaluate.significance import fixed_smoothing, harvey

    for label, (windows, horizon) in SETTINGS.items():
        frequencies = min(int(windows ** (1 / 3)), windows // (2 * horizon))
        equal, unequal = _worlds(WORLDS, windows, horizon, 1.0), _worlds(WORLDS // 10, windows, horizon, 2.0)

        def fixed(values: NDArray[np.float64], m: int = frequencies) -> float | None:
            return fixed_smoothing(values, m)

        def corrected(values: NDArray[np.float64], h: int = horizon) -> float | None:
            return harvey(values, h)

        def resampled(values: NDArray[np.float64], h: int = horizon) -> float | None:
            found = bootstrap_mean(values, at_least=h)
            return found.p_value if found else None

        name = label.replace(" ", "_")
        yield Figure(f"fixed_smoothing_size_{name}", _rejected(fixed, equal), 5.0, "%")
        yield Figure(f"fixed_smoothing_power_{name}", _rejected(fixed, unequal), 5.0, "%")
        yield Figure(f"harvey_size_{name}", _rejected(corrected, equal), 5.0, "%")
        yield Figure(f"bootstrap_size_{name}", _rejected(resampled, equal[: WORLDS // 5]), 5.0, "%")


def _worlds(count: int, windows: int, horizon: int, worse: float) -> NDArray[np.float64]:
    """Differences of squared errors of two forecasters whose errors overlap over ``horizon`` windows."""
    running = np.cumsum(np.random.default_rng(7).normal(size=(2, count, windows + horizon)), axis=2)
    errors = running[:, :, horizon:] - running[:, :, :-horizon]
    return np.asarray(np.square(errors[0]) - np.square(worse * errors[1]))


def _rejected(test: Callable[[NDArray[np.float64]], float | None], worlds: NDArray[np.float64]) -> float:
    """Percent of the worlds where the p-value is below 0.05; no p-value rejects nothing."""
    return 100 * float(np.mean([p_value is not None and p_value < 0.05 for p_value in map(test, worlds)]))


if __name__ == "__main__":
    main()
