"""DART: boosted trees with dropout (Rashmi & Gilad-Bachrach 2015), by XGBoost, over columns made from each window.

Each round grows a tree for what a random part of the trees so far leaves over, and then scales old and new so that
their sum does not overshoot. Every round therefore changes trees of earlier rounds: the first k rounds of a finished
booster are not the booster as it was after round k, and XGBoost's early stopping, which cuts at the best round,
answers with another model than the one it scored. Here the booster is copied whole at each better round, and the last
copy is the model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, field_validator

from components.shared import progress
from components.shared.boosted import BoostedTrees, WindowColumns, load_xgboost
from components.shared.config import StrictModel
from components.shared.errors import InputError, TandemError
from components.train import history, losses
from components.train.models.kind import ModelKind, WindowShape

if TYPE_CHECKING:
    import keras

    from components.shared.device import Device
    from components.train.config import TrainConfig
    from components.train.loop import Fitted
    from components.train.source import WindowSource

logger = logging.getLogger("tandem.train")

OBJECTIVES = {
    "mse": "reg:squarederror",
    "mae": "reg:absoluteerror",
    "huber": "reg:pseudohubererror",  # the smooth form, which has the second derivative that a leaf value needs
    "quantile": "reg:quantileerror",
}
OF_NETWORKS = ("epochs", "batch_size", "optimizer", "schedule", "early_stopping", "tensorboard", "precision", "xla")
"""Settings of the ``train`` section that steer steps and epochs, of which trees have none."""

_BLOCK = 4_096

Array = NDArray[np.float32]


class DartConfig(StrictModel):
    kind: Literal["dart"]
    trees: int = Field(default=300, ge=1, le=5_000)
    """Rounds at most; a round grows one tree, or one a level under the quantile loss."""
    depth: int = Field(default=3, ge=1, le=12)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    rate_drop: float = Field(default=0.1, ge=0, le=1)
    """Share of the trees so far that a round leaves out."""
    skip_drop: float = Field(default=0.5, ge=0, le=1)
    """Probability that a round leaves none out."""
    normalize: Literal["tree", "forest"] = "tree"
    """Give the new tree the weight of each tree left out, or of their sum."""
    subsample: float = Field(default=0.8, gt=0, le=1)
    """Share of the windows a tree sees."""
    colsample: float = Field(default=0.5, gt=0, le=1)
    """Share of the columns a tree sees."""
    min_child_weight: float = Field(default=5.0, ge=0)
    """Least sum of second derivatives in a leaf; under squared error, least number of windows."""
    l2: float = Field(default=1.0, ge=0)
    """Penalty on squared leaf values."""
    patience: PositiveInt | None = 50
    """Stop after this many rounds without a better validation loss; null for all ``trees``."""
    lags: tuple[PositiveInt, ...] = (1, 2, 5, 10, 21)
    """Rows over which every feature's move is a column."""
    spans: tuple[int, ...] = (5, 10, 21)
    """Rows over which the target's own mean and deviation are columns."""
    threads: PositiveInt = 1
    """With one, equal seeds give equal trees; more add up in an order that may vary."""

    @field_validator("lags", "spans")
    @classmethod
    def _ascending(cls, rows: tuple[int, ...]) -> tuple[int, ...]:
        if list(rows) != sorted(set(rows)) or min(rows, default=2) < 1:
            raise ValueError(f"expected numbers of rows, ascending, none twice; got {list(rows)}")
        return rows


def problems(config: TrainConfig, shape: WindowShape) -> list[str]:
    """What the user asks for that trees cannot do, or that means nothing to them."""
    default = type(config).model_fields
    return impossible(config, shape) + [
        f"train.{name} steers networks and means nothing to dart: leave it out (train.model has trees and patience)"
        for name in OF_NETWORKS
        if getattr(config, name) != default[name].get_default(call_default_factory=True)
    ]


def impossible(config: TrainConfig, shape: WindowShape) -> list[str]:
    """What trees cannot do."""
    model, found = config.model, []
    if config.loss.kind not in OBJECTIVES:
        found.append(f"train.loss: dart learns {', '.join(OBJECTIVES)}, not {config.loss.kind}")
    if shape.channels:
        found.append("dart forecasts one label a window, not whole series: set preprocess.predict to label")
    needed = max([lag + 1 for lag in model.lags] + list(model.spans), default=1)
    if needed > shape.lookback:
        found.append(
            f"train.model.lags and spans look at {needed} rows, but a window has preprocess.lookback={shape.lookback}: "
            "lengthen it, or shorten them"
        )
    return found


def fit(
    config: TrainConfig,
    source: WindowSource,
    work: Path,
    *,
    seed: int,
    device: Device | None = None,
    watch: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Grow trees on the train windows and keep the round that is best on the validation windows.

    Args:
        config: the ``train`` section, with a model of kind ``dart``.
        source: arrays to gather windows from.
        work: scratch folder for the history; a killed training begins again, and ends the same.
        seed: seeds the choice of windows, columns and dropped trees.
        device: where trees are grown; CUDA where XGBoost was built for it, the CPU otherwise.
        watch: callbacks told each round's losses.

    Raises:
        InputError: XGBoost is missing, or trees cannot do what is asked; see :func:`impossible`.
        TandemError: the validation loss is not finite in any round.
    """
    from components.train.loop import Fitted
    from components.train.mode import Mode

    # What means nothing to trees may have been filled in since the user's section was checked: a batch size, say.
    if found := impossible(config, source.shape):
        raise InputError(found)
    xgboost = load_xgboost()
    began = time.perf_counter()
    columns = columns_of(config.model, source.shape)
    splits = [_rows(source, columns, split) for split in ("train", "validation")]
    data = [xgboost.DMatrix(inputs, label=labels, nthread=config.model.threads) for inputs, labels in splits]
    booster = xgboost.Booster(_parameters(config, seed, _device(device)), data)

    def told(rows: list[history.Row]) -> None:
        history.write(work, rows)
        for callback in watch:
            callback.on_epoch_end(int(rows[-1]["epoch"]), dict(rows[-1]))

    rows, best, kept = _grow(config, booster, data, [labels for _, labels in splits], told)
    if not kept:
        raise TandemError("the validation loss is not finite in any round: lower train.model.learning_rate")
    final = xgboost.Booster({"nthread": 1})
    final.load_model(bytearray(kept))
    point = losses.describe(config.loss)["point"]
    seconds = time.perf_counter() - began
    how = Mode("float32", False, "trees are grown, not stepped")
    return Fitted(BoostedTrees(final, columns, point), rows, best, seconds, len(rows), how)


def columns_of(config: DartConfig, shape: WindowShape) -> WindowColumns:
    """The columns of this configuration; features go by number until the model folder names them."""
    names = tuple(str(position) for position in range(shape.features))
    return WindowColumns(names, shape.lookback, config.lags, config.spans, own_history=shape.target_first)


def _rows(source: WindowSource, columns: WindowColumns, split: str) -> tuple[Array, Array]:
    """Columns (windows, columns) and labels (windows,) of a split; windows are gathered a block at a time."""
    starts = np.asarray(source.starts[split])
    inputs = np.empty((len(starts), len(columns.names)), dtype=np.float32)
    labels = np.empty(len(starts), dtype=np.float32)
    for first in range(0, len(starts), _BLOCK):
        block = slice(first, first + _BLOCK)
        gathered, found = source.host_batch(starts[block])
        inputs[block], labels[block] = columns.of(gathered["window"]), found[:, 0]
    return inputs, labels


def _parameters(config: TrainConfig, seed: int, device: str) -> dict[str, Any]:
    """XGBoost's names: https://xgboost.readthedocs.io/en/stable/parameter.html."""
    model, loss = config.model, config.loss
    chosen = {
        "booster": "dart",
        "tree_method": "hist",
        "objective": OBJECTIVES[loss.kind],
        "max_depth": model.depth,
        "learning_rate": model.learning_rate,
        "rate_drop": model.rate_drop,
        "skip_drop": model.skip_drop,
        "normalize_type": model.normalize,
        "subsample": model.subsample,
        "colsample_bytree": model.colsample,
        "min_child_weight": model.min_child_weight,
        "reg_lambda": model.l2,
        "seed": seed,
        "nthread": model.threads,
        "device": device,
    }
    own = {"huber": lambda: {"huber_slope": loss.delta}, "quantile": lambda: {"quantile_alpha": list(loss.levels)}}
    return chosen | own.get(loss.kind, dict)()


def _device(chosen: Device | None) -> str:
    """``cuda`` where the chosen device and XGBoost's build both have it, otherwise ``cpu``, saying why."""
    if chosen is None or chosen.accelerator == "cpu":
        return "cpu"
    if chosen.accelerator != "cuda":
        logger.warning("XGBoost cannot use %s: trees are grown on the CPU", chosen.name)
    elif not load_xgboost().build_info().get("USE_CUDA"):
        logger.warning(
            "this XGBoost was built without CUDA: trees are grown on the CPU; for the GPU: pip install xgboost"
        )
    else:
        return "cuda"
    return "cpu"


def _grow(
    config: TrainConfig,
    booster: Any,
    data: list[Any],
    labels: list[Array],
    told: Callable[[list[history.Row]], None],
) -> tuple[list[history.Row], int, bytes]:
    """Grow round after round; returns the history, the round that was kept, and the booster as it was after it."""
    model, kept = config.model, b""
    rows: list[history.Row] = []
    best = at = -1
    lowest = np.inf
    for number in range(model.trees):
        booster.update(data[0], number)
        train, validation = (
            float(loss_of(config.loss, truth, booster.predict(matrix)))
            for matrix, truth in zip(data, labels, strict=True)
        )
        row = {"epoch": float(number), "loss": train, "val_loss": validation, "learning_rate": model.learning_rate}
        rows.append(row)
        told(rows)
        progress.report("round", number + 1, model.trees, loss=train, val_loss=validation)
        better = validation < lowest
        if better or not config.best_checkpoint:
            best, kept = number, bytes(booster.save_raw("json"))
        if better:
            lowest, at = validation, number
        elif model.patience and np.isfinite(lowest) and number - at >= model.patience:
            break
    return rows, best, kept


def loss_of(config: Any, labels: Array, outputs: Array) -> float:
    """Mean loss of forecasts, as :func:`components.train.losses.build` defines it, without tensors.

    Args:
        config: of a kind in :data:`OBJECTIVES`.
        labels: (n,).
        outputs: (n,) or (n, levels).
    """
    error = labels[:, None].astype(np.float64) - outputs.reshape(len(labels), -1)
    if config.kind == "quantile":
        levels = np.asarray(config.levels)
        return float(np.maximum(levels * error, (levels - 1) * error).mean())
    size = np.abs(error)
    if config.kind == "mae":
        return float(size.mean())
    if config.kind == "huber":
        return float(np.where(size < config.delta, 0.5 * size**2, config.delta * (size - 0.5 * config.delta)).mean())
    return float(np.square(size).mean())


SPACE = {
    "model.learning_rate": {"low": 0.01, "high": 0.2, "log": True},
    "model.depth": {"low": 2, "high": 6},
    "model.rate_drop": {"low": 0.0, "high": 0.3},
    "model.colsample": {"low": 0.2, "high": 1.0},
    "model.min_child_weight": {"low": 1, "high": 50, "log": True},
}

MODELS = {"dart": ModelKind(DartConfig, space=SPACE, fit=fit, problems=problems)}
