"""Boosted trees over windows: the columns a window becomes, and the XGBoost file that answers for them.

Trees take a fixed row of numbers, not a window. What each number is stands in the model's ``signature.json``, so that
training, forecasting, explaining and a client of the export all build the same columns.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.shared.errors import ArtifactError, InputError

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

FILE = "model.json"


def load_xgboost() -> ModuleType:
    """Import XGBoost.

    Raises:
        InputError: it is not installed, or its library cannot be loaded; says what to type.
    """
    try:
        import xgboost
    except ImportError as error:
        raise InputError(
            f"boosted trees need XGBoost, which is not installed ({error}): pip install 'tandem-pipelines[boosting]'"
        ) from error
    except (OSError, ValueError) as error:
        # XGBoost's own error is a ValueError; on a Mac its library needs OpenMP, which the wheel does not bring.
        remedy = "brew install libomp" if sys.platform == "darwin" else "pip install 'tandem-pipelines[boosting]'"
        first_line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"XGBoost is installed but cannot be loaded ({first_line}): {remedy}") from error
    return xgboost


@dataclass(frozen=True)
class WindowColumns:
    """The columns of a window whose last row is ``t``, in scaled units, in the order of :attr:`names`.

    ``<feature>``             last value, ``x[t]``, of every feature
    ``<feature> move <k>``    ``x[t] - x[t-k]`` of every feature, for each of ``lags``
    ``<target> mean <w>``     mean of the target's last ``w`` rows, less ``x[t]``, for each of ``spans``
    ``<target> spread <w>``   their standard deviation

    The last two are there when ``own_history``: the first feature is then the target's own past.
    """

    features: tuple[str, ...]
    lookback: int
    lags: tuple[int, ...]
    spans: tuple[int, ...]
    own_history: bool

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Self:
        """From what :meth:`describe` wrote."""
        values = {key: tuple(described[key]) for key in ("features", "lags", "spans")}
        return cls(**values, lookback=int(described["lookback"]), own_history=bool(described["own_history"]))

    def describe(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "lookback": self.lookback,
            "lags": list(self.lags),
            "spans": list(self.spans),
            "own_history": self.own_history,
        }

    @cached_property
    def names(self) -> list[str]:
        moves = [f"{feature} move {lag}" for lag in self.lags for feature in self.features]
        kinds = ("mean", "spread") if self.own_history else ()
        return [*self.features, *moves, *(f"{self.features[0]} {kind} {span}" for kind in kinds for span in self.spans)]

    def of(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Windows (n, lookback, features) to rows (n, columns)."""
        last = windows[:, -1]
        parts = [last, *(last - windows[:, -1 - lag] for lag in self.lags)]
        if self.own_history:
            pasts = [windows[:, -span:, 0] for span in self.spans]
            parts += [(past.mean(axis=1) - last[:, 0])[:, None] for past in pasts]
            parts += [past.std(axis=1)[:, None] for past in pasts]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def back_to_windows(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Spread what belongs to columns, (n, columns), over the (row, feature) they come from; sums stay.

        A last value belongs to the last row; a move to the row it looks back to, which is what it adds to the last
        value; a statistic to all the rows it is taken over, in equal parts.

        Returns:
            (n, lookback, features).
        """
        out = np.zeros((len(values), self.lookback, len(self.features)))
        width = len(self.features)
        rows = [-1, *(-1 - lag for lag in self.lags)]
        for position, row in enumerate(rows):
            out[:, row] += values[:, position * width : (position + 1) * width]
        statistics = values[:, len(rows) * width :]
        for position, span in enumerate(2 * self.spans if self.own_history else ()):
            out[:, -span:, 0] += statistics[:, position : position + 1] / span
        return out


@dataclass(frozen=True)
class BoostedTrees:
    """A trained XGBoost booster with its columns; ``point`` is which of its outputs is the point forecast."""

    booster: Any
    columns: WindowColumns
    point: int = 0

    @classmethod
    def load(cls, path: Path, columns: WindowColumns, point: int = 0) -> Self:
        """Read XGBoost's own JSON format.

        Raises:
            InputError: XGBoost is missing.
            ArtifactError: the file is not a booster over these columns.
        """
        xgboost = load_xgboost()
        # One thread: sums in one order give one answer.
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(path)
        except (OSError, xgboost.core.XGBoostError) as error:
            raise ArtifactError(f"{path} is not an XGBoost model: {str(error).splitlines()[0]}") from error
        if booster.num_features() != len(columns.names):
            raise ArtifactError(
                f"{path} takes {booster.num_features()} columns, but its signature describes {len(columns.names)}"
            )
        return cls(booster, columns, point)

    def __call__(self, inputs: Mapping[str, Any], training: bool = False) -> NDArray[np.float32]:  # noqa: ARG002
        """Answer a batch the way a Keras model is asked: ``inputs["window"]`` is (n, lookback, features)."""
        return self.describe(np.asarray(inputs["window"]))

    def save(self, path: Path) -> None:
        """Write XGBoost's own JSON: no code in it, and equal trees are equal files."""
        self.booster.save_model(path)

    def count_params(self) -> int:
        """Leaf values, which are what training has set."""
        return sum(tree.count("leaf=") for tree in self.booster.get_dump())

    def describe(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The numbers of each window's forecast: (n, lookback, features) to (n, outputs)."""
        return self.describe_rows(self.columns.of(windows))

    def describe_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same from rows of columns, (n, columns)."""
        answers = self.booster.predict(load_xgboost().DMatrix(rows, nthread=1))
        return in_order(answers.reshape(len(rows), -1), self.point)

    def contributions(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        """Exact Shapley values of the point forecast by (row, feature), and their base value.

        TreeSHAP (Lundberg et al. 2020) as XGBoost computes it, every tree weighted as dropout has left it.

        Returns:
            Values (n, lookback, features) that sum, with the base value, to the point forecast.
        """
        rows = load_xgboost().DMatrix(self.columns.of(windows), nthread=1)
        found = self.booster.predict(rows, pred_contribs=True).astype(np.float64)
        if found.ndim == 3:
            found = found[:, self.point]
        return self.columns.back_to_windows(found[:, :-1]), float(found[0, -1])


def in_order(outputs: NDArray[np.float32], point: int) -> NDArray[np.float32]:
    """Quantiles (n, levels) that never cross: those above the point never below it, those below never above.

    Levels are trained apart and may cross. Sorting (Chernozhukov et al. 2010) would also move the median; here it
    stays what the trees said, so that its explanation still adds up to it.
    """
    above = np.maximum.accumulate(outputs[:, point:], axis=1)
    below = np.minimum.accumulate(outputs[:, : point + 1][:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([below[:, :-1], above], axis=1)
