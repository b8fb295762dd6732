"""How sure forecasts are: every forecaster's bands by one method, and the model's by all of them, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluate.conformal import METHODS, adaptive
from components.evaluate.overlap import coverage_range
from components.evaluate.probabilistic import LEVELS, SHARES, Interval, crps, ends, pinball, score_interval
from components.evaluate.record import Change, Record, volatility
from components.shared.artifacts import Prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.evaluate.config import UncertaintyConfig
    from components.evaluate.spread import Source

    Values = NDArray[np.float64]

SHORTEST_HALF_LIFE = 23.0
"""Rows; see ``evaluate.uncertainty.half_life``."""

RAW = "raw"
"""A model's own quantiles, before calibration."""


@dataclass(frozen=True)
class Judged:
    """Bands of one forecaster by one method, and how they did on the test windows.

    ``quantiles`` are (windows, levels) in target units, in the order of the hold-out.
    """

    quantiles: Values
    crps: float
    pinball: tuple[float, ...]
    intervals: tuple[Interval, ...]
    held: tuple[float, ...]
    """Share of outcomes within each central interval that the levels span, the widest first."""

    @classmethod
    def of(cls, quantiles: Values, truth: Values) -> Judged:
        intervals = tuple(score_interval(quantiles, truth, LEVELS, share) for share in SHARES)
        losses = pinball(quantiles, truth, LEVELS).mean(axis=0)
        pairs = len(LEVELS) // 2
        lower, upper = quantiles[:, :pairs], quantiles[:, ::-1][:, :pairs]
        held = ((truth[:, None] >= lower) & (truth[:, None] <= upper)).mean(axis=0)
        mean = float(crps(quantiles, truth, LEVELS).mean())
        return cls(quantiles, mean, tuple(losses.tolist()), intervals, tuple(held.tolist()))

    def band(self, share: float) -> tuple[Values, Values]:
        """Lower and upper end of a central interval of each window."""
        return ends(self.quantiles, LEVELS, share)

    def interval(self, share: float) -> Interval:
        return next(found for found in self.intervals if found.share == share)

    def numbers(self) -> dict[str, Any]:
        """What ``metrics.json`` says of it."""
        return {
            "crps": self.crps,
            "intervals": [asdict(interval) for interval in self.intervals],
            "pinball": {f"{level:g}": loss for level, loss in zip(LEVELS, self.pinball, strict=True)},
        }


@dataclass(frozen=True)
class Uncertainty:
    """``bands`` by forecaster, all calibrated by ``method``; ``stages`` those of the model by each method, raw first.

    ``effective`` is how many independent forecasts the windows are worth, see :mod:`components.evaluate.overlap`.
    ``steps`` holds the model's bands at some steps of its path, by rows ahead; empty for a model of the horizon alone.
    """

    method: str
    source: Source
    effective: float
    bands: Mapping[str, Judged]
    stages: Mapping[str, Judged]
    steps: Mapping[int, Judged] = field(default_factory=dict)

    def range_of(self, coverage: float) -> tuple[float, float]:
        """What a true coverage may be, given what was counted."""
        return coverage_range(coverage, self.effective)

    def numbers(self) -> dict[str, Any]:
        """What ``metrics.json`` says of it."""
        return {
            "method": self.method,
            "source": self.source,
            "effective_windows": self.effective,
            "forecasters": {name: judged.numbers() for name, judged in self.bands.items()},
            "stages": {name: judged.numbers() for name, judged in self.stages.items()},
            "steps": {str(step): judged.numbers() for step, judged in self.steps.items()},
        }


@dataclass(frozen=True)
class Outlook:
    """Where and when forecasts are made ``horizon`` rows ahead on validation and test windows, in that order.

    ``starts`` are first rows of windows, (windows,); ``of_test`` counts the test windows, which come last.
    """

    prepared: Prepared
    starts: NDArray[np.int64]
    of_test: int
    horizon: int

    @classmethod
    def of(cls, prepared: Prepared, horizon: int | None = None) -> Outlook:
        parts = [np.asarray(prepared.starts(split)) for split in ("validation", "test")]
        return cls(prepared, np.concatenate(parts), len(parts[1]), horizon or prepared.preprocessing.horizon)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Origins, (windows,)."""
        return self.prepared.origins(self.starts)

    def calibrated(self, method: str, point: Values, raw: Values | None, config: UncertaintyConfig) -> Judged:
        """Bands of the test windows by one method; :data:`RAW` takes the forecaster's own.

        Args:
            method: ``raw``, or one of :data:`~components.evaluate.conformal.METHODS`.
            point: forecasts of all windows in target units, (windows,).
            raw: the forecaster's own quantiles, (windows, levels), in target units; None where it has none.
            config: the ``evaluate.uncertainty`` section.
        """
        rows, prepared = self.rows, self.prepared
        truth = np.asarray(prepared.targets[rows + self.horizon])
        test = np.arange(len(rows)) >= len(rows) - self.of_test
        if method == RAW:
            if raw is None:
                raise ValueError("expected a forecaster with quantiles of its own")
            return Judged.of(raw[test], truth[test])
        origin = np.asarray(prepared.targets[rows])
        # A forecast below zero has no logarithm; such a forecaster's errors are compared as differences.
        positive = bool((point > 0).all() and (raw is None or (raw > 0).all()))
        change = Change(Change.of(prepared.preprocessing).log and positive)
        made, known = (np.asarray(prepared.times[at]).astype(np.int64) for at in (rows, rows + self.horizon))
        order = np.argsort(made, kind="stable")
        record = Record(
            made=made[order],
            known=known[order],
            point=change.of_target(point, origin)[order],
            truth=change.of_target(truth, origin)[order],
            scale=volatility(prepared, change, config.half_life or max(SHORTEST_HALF_LIFE, self.horizon))[rows][order],
            test=test[order],
            raw=None if raw is None else change.of_target(raw, origin[:, None])[order],
        )
        bands = adaptive(record, LEVELS, config.step) if method == "adaptive" else METHODS[method](record, LEVELS)
        quantiles = np.empty((len(rows), len(LEVELS)))
        quantiles[order[record.test]] = change.to_target(bands, origin[order[record.test]][:, None])
        return Judged.of(quantiles[test], truth[test])


def methods_for(raw: Values | None) -> list[str]:
    """Calibration methods that a forecaster with or without quantiles of its own can have."""
    return [name for name in METHODS if name != "cqr" or raw is not None]
