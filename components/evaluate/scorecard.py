"""Everything evaluation found, on the same rows for every forecaster; and how it is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluate.backtest import Fold
from components.evaluate.holdout import Holdout
from components.evaluate.paths import Paths
from components.evaluate.probabilistic import SHARES
from components.evaluate.regimes import Regime
from components.evaluate.significance import PairedTest
from components.evaluate.uncertainty import Uncertainty
from components.evaluate.verdict import Scores, Verdict
from components.shared.artifacts import Table, write_table
from components.shared.files import new_folder, write_json
from components.shared.preprocessing import Preprocessing
from components.shared.schema import Column, Role, Schema, interval_columns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

VERSION = 1


@dataclass(frozen=True)
class Scorecard:
    """One model scored beside its baselines.

    ``forecasts`` of shape (windows,) in target units and ``table`` have the same forecasters, the model first;
    ``absent`` gives the reason of each baseline that could not be computed. ``weights`` are an ensemble's, by member;
    its members are among the forecasters. ``tests`` hold the model against each other forecaster. ``by_entity`` is
    ``table`` within each entity of a panel. ``paths`` are there for a model that forecasts every step to the horizon.
    ``uncertainty`` holds the bands around all of them, unless the config wants none; ``regimes`` and ``folds`` are the
    errors by what the times were like, and by stretch of time.
    """

    model: str
    preprocessing: Preprocessing
    holdout: Holdout
    forecasts: Mapping[str, NDArray[np.float64]]
    table: Mapping[str, Scores]
    absent: Mapping[str, str]
    verdict: Verdict
    weights: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[str, PairedTest] = field(default_factory=dict)
    by_entity: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    paths: Paths | None = None
    uncertainty: Uncertainty | None = None
    regimes: Mapping[str, Regime] = field(default_factory=dict)
    folds: tuple[Fold, ...] = ()

    @property
    def dates(self) -> tuple[str, str]:
        """First and last day on which a forecast is made."""
        days = self.holdout.origin_times.astype("datetime64[D]")
        return str(days.min()), str(days.max())

    def numbers(self) -> dict[str, float]:
        """``<forecaster>/<metric>`` of every number that is defined."""
        found = {f"{name}/{metric}": value for name, scores in self.table.items() for metric, value in scores.items()}
        for name, judged in (self.uncertainty.bands if self.uncertainty else {}).items():
            found[f"{name}/crps"] = judged.crps
            found[f"{name}/coverage_90"] = 100 * judged.interval(0.9).coverage
        return {name: value for name, value in found.items() if value is not None}

    def write_metrics(self, path: str | Path) -> None:
        """Write the folder that holds ``metrics.json``; an undefined number is null."""
        first, last = self.dates
        content: dict[str, Any] = {
            "version": VERSION,
            "model": self.model,
            "target": self.preprocessing.target.name,
            "unit": self.preprocessing.target.unit,
            "horizon": self.preprocessing.horizon,
            "horizon_name": self.preprocessing.horizon_name,
            "windows": len(self.holdout.rows),
            "first_date": first,
            "last_date": last,
            "table": {forecaster: dict(scores) for forecaster, scores in self.table.items()},
            "absent": dict(self.absent),
            "verdict": asdict(self.verdict),
            "weights": dict(self.weights),
            "tests": {forecaster: asdict(test) for forecaster, test in self.tests.items()},
            "regimes": {name: asdict(regime) for name, regime in self.regimes.items()},
            "backtest": [asdict(fold) for fold in self.folds],
        }
        if self.by_entity:
            content["entities"] = {
                name: {forecaster: dict(scores) for forecaster, scores in table.items()}
                for name, table in self.by_entity.items()
            }
        if self.paths is not None:
            content["steps"] = self.paths.scores()
        if self.uncertainty is not None:
            content["uncertainty"] = self.uncertainty.numbers()
        with new_folder(path) as scratch:
            write_json(scratch / "metrics.json", content)

    def write_forecasts(self, path: str | Path) -> Table:
        """Write the table artifact with a column a forecaster: a row a test window, or a row a step of its path."""
        schema = self._forecast_schema()
        return write_table(path, schema, self._forecast_batches(schema))

    def _forecast_batches(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        arrow = schema.arrow()
        parts = [self._rows_of_windows()] if self.paths is None else self._rows_of_steps(self.paths)
        for columns in parts:
            arrays = [pa.array(columns[field.name], type=field.type) for field in arrow]
            yield pa.RecordBatch.from_arrays(arrays, schema=arrow)

    def _rows_of_windows(self) -> dict[str, NDArray[Any]]:
        holdout = self.holdout
        return {
            **({"entity": np.asarray(holdout.entities)[holdout.entity]} if holdout.entities else {}),
            "origin": holdout.origin_times,
            "row": holdout.rows,
            "truth_time": holdout.truth_times,
            "origin_value": holdout.origin_values,
            "truth": holdout.truth,
            **self.forecasts,
            **self._bands(),
        }

    def _bands(self) -> dict[str, NDArray[np.float64]]:
        """Ends of the model's central intervals at the horizon, by column name, (windows,) each."""
        if self.uncertainty is None:
            return {}
        judged = self.uncertainty.bands[self.model]
        columns = [(interval_columns(share), judged.band(share)) for share in SHARES]
        return {name: values for names, ends in columns for name, values in zip(names, ends, strict=True)}

    def _rows_of_steps(self, paths: Paths) -> Iterator[dict[str, NDArray[Any]]]:
        bands = self._bands()
        varying = {*self.forecasts, *bands}
        fixed = {key: values for key, values in self._rows_of_windows().items() if key not in varying}
        last = np.arange(1, paths.steps + 1) == paths.steps
        for block in paths.blocks():
            yield {
                **{key: np.where(last, values[block, None], np.nan).ravel() for key, values in bands.items()},
                **{key: np.repeat(values[block], paths.steps) for key, values in fixed.items()},
                "step": np.tile(np.arange(1, paths.steps + 1), len(paths.truth[block])),
                "truth_time": paths.times[block].ravel(),
                "truth": paths.truth[block].ravel(),
                **{name: values[block].ravel() for name, values in paths.forecasts.items()},
            }

    def _forecast_schema(self) -> Schema:
        unit, target = self.preprocessing.target.unit, self.preprocessing.target.name
        ahead = f"{self.preprocessing.horizon} rows after the origin" if self.paths is None else "`step` rows after it"
        described = [
            Column(name="origin", dtype="timestamp", role=Role.TIME, description="when the forecast is made"),
            Column(name="row", dtype="int64", description="row of the origin in the prepared arrays"),
            Column(name="truth_time", dtype="timestamp", description=ahead),
            Column(name="origin_value", dtype="float64", unit=unit, description=f"{target} at the origin"),
            Column(name="truth", dtype="float64", role=Role.TARGET, unit=unit, description=f"{target} {ahead}"),
        ]
        if self.holdout.entities:
            entity = Column(name="entity", dtype="string", role=Role.ENTITY, description=self.preprocessing.entity)
            described.insert(0, entity)
        if self.paths is not None:
            after_row = [column.name for column in described].index("row") + 1
            described.insert(after_row, Column(name="step", dtype="int64", description="rows after the origin"))
        forecasters = [
            Column(name=name, dtype="float64", unit=unit, description=f"forecast of truth by {name}")
            for name in (self.forecasts if self.paths is None else self.paths.forecasts)
        ]
        where = "" if self.paths is None else "; of the last step only"
        ends = [
            Column(name=name, dtype="float64", unit=unit, description=f"{side} end of the {share:.0%} interval{where}")
            for share in (SHARES if self.uncertainty else ())
            for name, side in zip(interval_columns(share), ("lower", "upper"), strict=True)
        ]
        return Schema(columns=(*described, *forecasters, *ends))
