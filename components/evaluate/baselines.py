"""Forecasters that cost nothing, and that a model has to beat. The one place for baselines.

A baseline is a function of the target's own history and the origins to forecast from; it answers the target at
``origin + horizon`` in original units. Adding one: write the function, name it in ``BASELINES`` and in the config.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from components.shared.artifacts import Prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

RIDGE_PENALTY = 10.0
"""Penalty on standardised values; the same for every series, so that the baseline has nothing to tune."""

_BLOCK = 8_192
"""Windows gathered at once while fitting: memory stays bounded by a block, whatever the length of the series."""


class BaselineUnavailableError(Exception):
    """This baseline cannot be computed on this data; the message says why."""


@dataclass(frozen=True)
class History:
    """What a baseline may know: ``targets`` (rows,) in original units, ``train_origins`` (n,) rows; the rest in rows.

    ``targets`` reaches past the forecast origins; a baseline reads no row after the origin it forecasts from, and none
    before the first row of its series. ``series`` are those first rows, ascending: several for a panel.
    """

    targets: NDArray[np.float64]
    train_origins: NDArray[np.int64]
    lookback: int
    horizon: int
    season: int
    series: tuple[int, ...] = (0,)

    @classmethod
    def of(cls, prepared: Prepared, *, season: int) -> Self:
        return cls(
            targets=np.asarray(prepared.targets),
            train_origins=prepared.origins(np.asarray(prepared.starts("train"))),
            lookback=prepared.preprocessing.lookback,
            horizon=prepared.preprocessing.horizon,
            season=season,
            series=tuple(entity.first for entity in prepared.preprocessing.entities) or (0,),
        )

    def rows_before(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many rows of its own series each row has before it, shape of ``rows``."""
        firsts = np.asarray(self.series)
        return np.asarray(rows - firsts[np.searchsorted(firsts, rows, side="right") - 1])


def random_walk(history: History, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Forecast no change: ``y[t]``."""
    return np.asarray(history.targets[origins])


def seasonal_naive(history: History, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Forecast the last value seen at the same point of the season: ``y[t + h - m·ceil(h/m)]``.

    Hyndman and Athanasopoulos, "Forecasting: principles and practice" (3rd ed.), section 5.2. With a horizon of whole
    seasons this is the random walk.

    Raises:
        BaselineUnavailableError: the first origin of a series has no row one season back.
    """
    seasons = -(-history.horizon // history.season)
    back = history.season * seasons - history.horizon
    short = back - history.rows_before(origins)
    if short.max(initial=0) > 0:
        where = " in one of the entities" if len(history.series) > 1 else ""
        raise BaselineUnavailableError(
            f"a season of {history.season} rows before the first test forecast needs {short.max()} more rows of "
            f"history{where}"
        )
    return np.asarray(history.targets[origins - back])


def ridge(history: History, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Forecast by one linear map from the recent shape of the series to its change over the horizon.

    Inputs are the ``lookback - 1`` differences ``(y[t-j] - y[t]) / s``, the label is ``(y[t+h] - y[t]) / s``, with
    ``s`` the standard deviation of the target at train origins. Fitted on train origins only, in closed form: the
    centred normal equations ``(X'X + λI) w = X'z`` (Hoerl and Kennard, 1970) with an intercept that is not penalised.
    Subtracting the last value is the normalisation of NLinear (Zeng et al., 2023).

    Raises:
        BaselineUnavailableError: too few train windows, or a target that is constant over them.
    """
    if len(history.train_origins) < 2:
        raise BaselineUnavailableError(f"a fit needs 2 train windows, there are {len(history.train_origins)}")
    scale = float(history.targets[history.train_origins].std())
    if not scale > 0:
        raise BaselineUnavailableError("the target is constant, or unknown somewhere, over the train rows")
    weights, intercept = _fit_ridge(history, scale)
    changes = [_recent_shape(history, rows, scale) @ weights + intercept for rows in _blocks(origins)]
    return history.targets[origins] + scale * np.concatenate(changes)


def _fit_ridge(history: History, scale: float) -> tuple[NDArray[np.float64], float]:
    """Weights (lookback - 1,) and intercept, from sums over blocks of train windows."""
    width, count = history.lookback - 1, len(history.train_origins)
    gram, moment = np.zeros((width, width)), np.zeros(width)
    input_sum, label_sum = np.zeros(width), 0.0
    for rows in _blocks(history.train_origins):
        inputs = _recent_shape(history, rows, scale)
        labels = (history.targets[rows + history.horizon] - history.targets[rows]) / scale
        gram += inputs.T @ inputs
        moment += inputs.T @ labels
        input_sum += inputs.sum(axis=0)
        label_sum += float(labels.sum())
    if not (np.isfinite(gram).all() and np.isfinite(moment).all()):
        raise BaselineUnavailableError("the target is unknown in some train windows")
    input_mean, label_mean = input_sum / count, label_sum / count
    gram += RIDGE_PENALTY * np.eye(width) - count * np.outer(input_mean, input_mean)
    weights = _solve_positive_definite(gram, moment - count * input_mean * label_mean)
    return weights, label_mean - float(input_mean @ weights)


def _recent_shape(history: History, rows: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """The lookback windows that end at ``rows``, relative to their last value and without it: (n, lookback - 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(history.targets, history.lookback)[rows - history.lookback + 1]
    return np.asarray((windows[:, :-1] - windows[:, -1:]) / scale)


def _blocks(rows: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    return [rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)]


def _solve_positive_definite(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``matrix @ x = right`` by Cholesky factors; the penalty on the diagonal makes the matrix definite."""
    factor = np.linalg.cholesky(matrix)
    return np.asarray(np.linalg.solve(factor.T, np.linalg.solve(factor, right)))


Baseline = Callable[[History, "NDArray[np.int64]"], "NDArray[np.float64]"]

BASELINES: dict[str, Baseline] = {"random_walk": random_walk, "seasonal_naive": seasonal_naive, "ridge": ridge}

PHRASES = {"random_walk": "the random walk", "seasonal_naive": "the seasonal naive", "ridge": "the ridge"}
"""How a sentence calls each baseline."""


def forecast_baselines(
    names: Sequence[str], history: History, origins: NDArray[np.int64]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Forecast with each named baseline.

    Returns:
        Forecasts in original units by name, each of shape (origins,); and the reason of each that is absent.
    """
    forecasts, absent = {}, {}
    for name in names:
        try:
            values = BASELINES[name](history, origins)
        except BaselineUnavailableError as reason:
            absent[name] = str(reason)
            continue
        unknown = int((~np.isfinite(values)).sum())
        if unknown:
            absent[name] = f"{unknown} of {len(values)} forecasts rest on rows where the target is unknown"
        else:
            forecasts[name] = values
    return forecasts, absent
