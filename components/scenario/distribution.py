"""How far a scenario is from what the model has learnt from: ranges, levels together, and moves from row to row.

Two distances of a window from the train rows are Mahalanobis distances of scaled features, in the metric of a
covariance shrunk towards a multiple of the identity (Ledoit & Wolf 2004): of its rows' values, and of their changes
from one row to the next. The largest of a window is compared with the largest of each train window, so that "0.99"
reads: 99 % of the train windows are nearer. The joint distance sees what single ranges cannot: near contracts of one
commodity that no longer move together.

Intervals and conformal bands are calibrated on rows that came about by themselves; a shock leaves that distribution,
so their coverage is not promised for any scenario, and least of all for one that is flagged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from components.scenario.outcome import Plausibility

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.scenario.history import Columns, Frame, History
    from components.shared.preprocessing import Preprocessing

FAR = 0.99
"""A window further away than this share of the train windows is flagged."""
MOST_ROWS = 20_000
FEWEST_WINDOWS = 100
SHOWN = 5


@dataclass(frozen=True)
class _Metric:
    """Squared distance ``(x - center) P (x - center)`` of rows, and the largest of each reference window, ascending."""

    center: NDArray[np.float64]
    precision: NDArray[np.float64]
    largest: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64], window: int) -> Self:
        from sklearn.covariance import LedoitWolf

        fitted = LedoitWolf().fit(rows)
        plain = cls(fitted.location_, fitted.precision_, np.empty(0))
        windows = np.lib.stride_tricks.sliding_window_view(plain.distances(rows), window)
        return cls(plain.center, plain.precision, np.sort(windows.max(axis=1)))

    def distances(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of (rows, features) to (rows,)."""
        apart = rows - self.center
        return np.asarray((apart @ self.precision * apart).sum(axis=1))

    def nearer(self, rows: NDArray[np.float64]) -> float:
        """Share of the reference windows whose furthest row is nearer than the furthest of these."""
        return float(np.searchsorted(self.largest, self.distances(rows).max()) / len(self.largest))


@dataclass(frozen=True)
class Reference:
    """What scenarios are compared with: the rows the model was trained on, as far as the table has them.

    ``lowest`` and ``highest`` are by feature, in raw units; the metrics are None where there are too few rows.
    """

    source: str
    names: tuple[str, ...]
    centers: NDArray[np.float64]
    scales: NDArray[np.float64]
    lowest: dict[str, float]
    highest: dict[str, float]
    sigmas: dict[str, dict[str, float]]
    levels: _Metric | None
    moves: _Metric | None

    @classmethod
    def of(cls, history: History, preprocessing: Preprocessing) -> Self:
        """Fit ranges and metrics; where the table has too few of the train rows, on all of its rows, which is said."""
        lookback = preprocessing.lookback
        train = history.times <= np.datetime64(preprocessing.splits["train"].last_date) + np.timedelta64(1, "D")
        enough = train.sum() >= lookback + FEWEST_WINDOWS
        rows = np.flatnonzero(train if enough else np.isfinite(history.targets))[-MOST_ROWS:]
        features = [f for f in preprocessing.features if f.name not in preprocessing.calendar]
        names = tuple(feature.name for feature in features)
        columns = {name: values[rows] for name, values in history.columns.items()}
        centers, scales = (np.asarray([getattr(f, part) for f in features]) for part in ("center", "scale"))
        scaled = (np.column_stack([columns[name] for name in names]) - centers) / scales
        fits = len(rows) >= lookback + FEWEST_WINDOWS
        return cls(
            source="train rows" if enough else "rows of the table",
            names=names,
            centers=centers,
            scales=scales,
            lowest={name: float(values.min()) for name, values in columns.items()},
            highest={name: float(values.max()) for name, values in columns.items()},
            sigmas={
                "sigma": {name: float(values.std()) for name, values in columns.items()},
                "sigma_change": {name: float(np.diff(values).std()) for name, values in columns.items()},
            },
            levels=_Metric.of(scaled, lookback) if fits else None,
            moves=_Metric.of(np.diff(scaled, axis=0), lookback - 1) if fits and lookback > 1 else None,
        )

    def judge(self, frame: Frame, changed: Columns, lookback: int) -> Plausibility:
        """How far the window of a frame, with some columns changed, is from the reference."""
        rows = slice(frame.origin + 1 - lookback, frame.origin + 1)
        columns = {name: changed.get(name, frame.columns[name])[rows] for name in self.lowest}
        scaled = (np.column_stack([columns[name] for name in self.names]) - self.centers) / self.scales
        levels = self.levels.nearer(scaled) if self.levels else None
        moves = self.moves.nearer(np.diff(scaled, axis=0)) if self.moves else None
        beyond = [
            name
            for name, values in columns.items()
            if values.max() > self.highest[name] or values.min() < self.lowest[name]
        ]
        return Plausibility(
            outside=bool(beyond) or any(share is not None and share > FAR for share in (levels, moves)),
            levels=levels,
            moves=moves,
            beyond=beyond,
            reasons=self._reasons(levels, moves, beyond),
            reference=self.source,
        )

    def _reasons(self, levels: float | None, moves: float | None, beyond: list[str]) -> list[str]:
        found = []
        if beyond:
            shown = ", ".join(beyond[:SHOWN]) + (f" and {len(beyond) - SHOWN} more" if len(beyond) > SHOWN else "")
            found.append(f"beyond every value of the {self.source}: {shown}")
        for share, what in ((levels, "values together are"), (moves, "moves from row to row are")):
            if share is not None and share > FAR:
                many = "any" if share == 1 else f"{share:.1%}"
                found.append(f"the {what} further from the {self.source} than {many} of their windows")
        if levels is None:
            found.append("too few rows to judge values together")
        return found
