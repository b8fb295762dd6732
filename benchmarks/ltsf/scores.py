"""Train a model on a series and score it, and the two baselines that cost nothing."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ltsf.data import Series
from benchmarks.ltsf.models import MODELS
from components.train import loop
from components.train.models import closed_form
from components.train.source import WindowSource

RIDGE_PENALTY = 10.0
BLOCK = 256


@dataclass(frozen=True)
class Score:
    """Errors on standardised values over all windows, steps and channels; ``windows``: each validation window's MSE."""

    model: str
    horizon: int
    seed: int
    mse: float
    mae: float
    validation_mse: float
    windows: NDArray[np.float64]
    epochs: int = 0
    cpu_seconds: float = 0.0


def trained(series: Series, name: str, lookback: int, horizon: int, seed: int) -> Score:
    """Train one model with one seed, choosing its epoch by validation, and score it on the test windows."""
    import keras

    entry = MODELS[name]
    source = series.source(lookback, horizon, entry.covariates, ahead=entry.ahead)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as work:
        fitted = loop.fit(entry.config(horizon), source, Path(work), seed=seed)
    seconds = time.process_time() - began
    predict = _predictor(fitted.model)
    mse, mae, _ = errors(source, "test", predict)
    validation, _, windows = errors(source, "validation", predict)
    keras.backend.clear_session()  # graphs of trained models would pile up over the runs
    return Score(name, horizon, seed, mse, mae, validation, windows, len(fitted.history), seconds)


def naive(series: Series, lookback: int, horizon: int) -> Score:
    """The last value, repeated."""
    return _linear("naive", series.source(lookback, horizon), np.zeros((lookback, horizon)))


def ridge(series: Series, lookback: int, horizon: int) -> Score:
    """The closed-form linear map with the penalty of the literature, nothing tuned."""
    source = series.source(lookback, horizon)
    weights = closed_form.linear_map(*closed_form.map_sums(source, None), penalty=RIDGE_PENALTY)
    return _linear("ridge", source, weights)


def _linear(name: str, source: WindowSource, weights: NDArray[np.float64]) -> Score:
    def predict(inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        window = inputs["window"][:, :, : source.shape.channels].astype(np.float64)
        last = window[:, -1:]
        return np.asarray(last + np.einsum("blc,ls->bsc", window - last, weights))

    mse, mae, _ = errors(source, "test", predict)
    validation, _, windows = errors(source, "validation", predict)
    return Score(name, source.shape.steps, 0, mse, mae, validation, windows)


def errors(source: WindowSource, split: str, predict) -> tuple[float, float, NDArray[np.float64]]:  # type: ignore[no-untyped-def]
    """MSE and MAE over every window of a split, none dropped, and the MSE of each window."""
    starts, squared, absolute = np.asarray(source.starts[split]), [], []
    for first in range(0, len(starts), BLOCK):
        inputs, truth = source.host_batch(starts[first : first + BLOCK])
        error = (predict(inputs) - truth).astype(np.float64)
        squared.append(np.square(error).mean(axis=(1, 2)))
        absolute.append(np.abs(error).mean(axis=(1, 2)))
    windows = np.concatenate(squared)
    return float(windows.mean()), float(np.concatenate(absolute).mean()), windows


def _predictor(model):  # type: ignore[no-untyped-def]
    import keras

    from components.train.stepping import fed

    def predict(inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.asarray(keras.ops.convert_to_numpy(model(fed(model, inputs), training=False)))

    return predict


def chosen(scores: list[Score]) -> str:
    """The best model by validation: the simplest that is not worse than the best by one standard error.

    Losses are means over seeds of each validation window; windows that overlap count once every ``horizon`` rows.
    """
    names = [name for name in MODELS if any(score.model == name for score in scores)]
    by_model = {name: np.mean([s.windows for s in scores if s.model == name], axis=0) for name in names}
    best = min(names, key=lambda name: by_model[name].mean())
    for name in names:
        excess = by_model[name] - by_model[best]
        independent = len(excess) / scores[0].horizon
        error = excess.std() / np.sqrt(independent) if independent >= 2 else np.inf
        if excess.mean() <= error:
            return name
    return best
