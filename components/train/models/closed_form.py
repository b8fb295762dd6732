"""Weights that have a closed form, so that training starts where a line ends.

Sums are taken over blocks of train windows in float64: memory stays bounded by a block, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

if TYPE_CHECKING:
    import keras

    from components.train.source import WindowSource

Array = NDArray[np.float64]

PENALTIES = (*(10.0**power for power in range(9)), np.inf)
"""What ``auto`` chooses from: at infinity, the last, the map is zero and the forecast the last value."""

Penalty = Annotated[float, Field(gt=0)] | Literal["auto"]

_VALUES_A_BLOCK = 4_000_000


def start(model: keras.Model, source: WindowSource, *, penalty: float | Literal["auto"]) -> None:
    """Set the layers ``cycle`` and ``skip`` of a model, where it has them, from the train windows."""
    names = {layer.name for layer in model.layers}
    effect = None
    if "cycle" in names:
        effect = known_effect(source)
        model.get_layer("cycle").kernel.assign(effect)
    if "skip" not in names:
        return
    sums = map_sums(source, effect)
    candidates = [linear_map(*sums, penalty=value) for value in (PENALTIES if penalty == "auto" else [penalty])]
    chosen = candidates[0] if len(candidates) == 1 else best_map(source, effect, candidates)
    model.get_layer("skip").kernel.assign(chosen)


def average(model: keras.Model, source: WindowSource, *, penalty: float | Literal["auto"]) -> None:
    """Make a trained model's forecast the mean of its own and of the line it started from.

    Equal weights are hard to beat (Timmermann 2006), and more so where validation holds few independent windows. The
    forecast is linear in ``skip`` and ``head``, so that the mean of two forecasts is one model of the same size.
    """
    import keras

    skip = model.get_layer("skip")
    trained = keras.ops.convert_to_numpy(skip.kernel)
    start(model, source, penalty=penalty)
    skip.kernel.assign((trained + keras.ops.convert_to_numpy(skip.kernel)) / 2)
    for layer in model.layers:
        if layer.name == "head":
            layer.kernel.assign(layer.kernel / 2)
            layer.bias.assign(layer.bias / 2)


def known_effect(source: WindowSource) -> Array:
    """Effect of the known-ahead covariates on each channel, (known, channels).

    Least squares of a channel on the covariates, both less their mean over the window they are in (the fixed-effects
    estimator), so that a level that drifts over many windows is not taken for an effect.
    """
    shape = source.shape
    gram, moment = np.zeros((shape.known, shape.known)), np.zeros((shape.known, shape.channels))
    for block in _blocks(source, shape.lookback):
        centred = block - block.mean(axis=1, keepdims=True)
        covariates = centred[:, :, shape.features - shape.known :].reshape(-1, shape.known)
        gram += covariates.T @ covariates
        moment += covariates.T @ centred[:, :, : shape.channels].reshape(-1, shape.channels)
    # Indicators of every hour sum to one: the smallest-norm solution takes that in its stride.
    return np.asarray(np.linalg.lstsq(gram, moment, rcond=1e-10)[0])


def map_sums(source: WindowSource, effect: Array | None) -> tuple[Array, Array]:
    """``X'X`` (lookback, lookback) and ``X'Y`` (lookback, steps) of :func:`moves` over all train windows."""
    shape = source.shape
    gram, moment = np.zeros((shape.lookback, shape.lookback)), np.zeros((shape.lookback, shape.steps))
    for block in _blocks(source, shape.lookback + shape.steps):
        past, future = moves(block, source, effect)
        past, future = past.reshape(-1, shape.lookback), future.reshape(-1, shape.steps)
        gram += past.T @ past
        moment += past.T @ future
    return gram, moment


def moves(block: Array, source: WindowSource, effect: Array | None) -> tuple[Array, Array]:
    """Past (windows, channels, lookback) and future (…, steps) of each channel, less its last value.

    A map of these does not care how a window is scaled, so it is fitted on windows as they are, where large moves
    count more, and serves normalised ones.
    """
    shape = source.shape
    own = block[:, :, : shape.channels]
    if effect is not None:
        own = own - block[:, :, shape.features - shape.known :] @ effect
    relative = (own - own[:, shape.lookback - 1 : shape.lookback]).transpose(0, 2, 1)
    return relative[:, :, : shape.lookback], relative[:, :, shape.lookback :]


def linear_map(gram: Array, moment: Array, *, penalty: float) -> Array:
    """Ridge map (lookback, steps): the normal equations ``(X'X + penalty I) W = X'Y`` (Hoerl & Kennard 1970)."""
    if np.isinf(penalty):
        return np.zeros_like(moment)
    return np.asarray(np.linalg.solve(gram + penalty * np.eye(len(gram)), moment))


def best_map(source: WindowSource, effect: Array | None, candidates: Sequence[Array]) -> Array:
    """The best of ``candidates`` on validation, unless the last of them, the last value, is as good.

    As good is: worse by at most one standard error (Breiman et al. 1984) of the paired losses. Windows that overlap
    tell the same story, so the standard error counts one independent window every ``steps`` rows; where there is
    only one, nothing can be told apart.
    """
    losses = np.concatenate(
        [_losses(block, source, effect, candidates) for block in _blocks(source, _length(source), "validation")], axis=1
    )
    best = int(np.argmin(losses.mean(axis=1)))
    excess = losses[-1] - losses[best]
    independent = len(excess) / source.shape.steps
    error = excess.std() / np.sqrt(independent) if independent >= 2 else np.inf
    return candidates[-1] if excess.mean() <= error else candidates[best]


def _losses(block: Array, source: WindowSource, effect: Array | None, candidates: Sequence[Array]) -> Array:
    """Mean squared error of each candidate on each window, (candidates, windows)."""
    past, future = moves(block, source, effect)
    return np.stack([np.square(past @ candidate - future).mean(axis=(1, 2)) for candidate in candidates])


def _length(source: WindowSource) -> int:
    return source.shape.lookback + source.shape.steps


def _blocks(source: WindowSource, rows: int, split: str = "train") -> Iterator[Array]:
    """All windows of a split, ``rows`` long from their starts, in blocks (windows, rows, features)."""
    starts = np.asarray(source.starts[split])
    view = np.lib.stride_tricks.sliding_window_view(source.features, (rows, source.shape.features))[:, 0]
    size = max(1, _VALUES_A_BLOCK // (rows * source.shape.features))
    for first in range(0, len(starts), size):
        yield view[starts[first : first + size]].astype(np.float64)
