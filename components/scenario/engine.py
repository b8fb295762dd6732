"""Answer scenarios of one model and one series: change rows, preprocess again, forecast, put beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from components.forecast import choosing
from components.forecast.rows import LARGEST
from components.scenario import answers, checks, derived, shocks, windows
from components.scenario.bands import HorizonBands
from components.scenario.checks import Names
from components.scenario.config import MOST_PASSES, Permitted, Scenario
from components.scenario.distribution import Reference
from components.scenario.history import History
from components.scenario.network import Forecaster
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.scenario.answers import Answered
    from components.scenario.config import Shock
    from components.scenario.history import Columns, Frame
    from components.scenario.outcome import Outcome, Plausibility

ORIGINS_KEPT = 32
"""Baselines that are kept; each holds its passes."""


@dataclass(frozen=True)
class Changed:
    """What a scenario makes of a frame: columns that differ from it, and how many values were cut, by feature."""

    frame: Frame
    columns: Columns
    cuts: dict[str, int] = field(default_factory=dict)


class Engine:
    """A loaded model with the rows it starts from. Its methods may be called from several threads at once."""

    def __init__(self, model: TrainedModel, name: str, history: History, forecaster: Forecaster) -> None:
        self.model, self.name, self.history, self.forecaster = model, name, history, forecaster
        self.bands = HorizonBands.of(model)
        self.reference = Reference.of(history, model.preprocessing)
        self.names = Names.of(model, history)
        # What the model says of the rows as they are is the same for every scenario: the dropout masks are fixed.
        self._baseline = lru_cache(maxsize=ORIGINS_KEPT)(self._forecast_of_origin)

    @classmethod
    def load(
        cls,
        model_path: str | Path,
        rows_path: str | Path,
        *,
        name: str = "",
        entity: str | None = None,
        passes: int = 100,
        seed: int = 0,
    ) -> Self:
        """Load the model once, read the rows, compile, and draw the masks of Monte Carlo dropout.

        Args:
            model_path: folder written by train.
            rows_path: a table artifact, a CSV or a Parquet file with the columns of the model's table.
            name: what to call the model; its kind and digest when empty.
            entity: which series of a panel.
            passes: networks of Monte Carlo dropout, 0 to 1,000.
            seed: draws their masks.

        Raises:
            InputError: rows and model do not fit; holds every problem.
        """
        if not 0 <= passes <= MOST_PASSES:
            raise InputError(f"passes: expected 0 to {MOST_PASSES}, got {passes}")
        model = TrainedModel.open(model_path)
        history = History.read(rows_path, model.preprocessing, entity=entity)
        engine = cls(model, name or choosing.name_of(model), history, Forecaster.of(model, passes=passes, seed=seed))
        engine.run(Scenario())  # traces what is compiled, and fails here rather than at the first request
        return engine

    def run(self, scenario: Scenario) -> Outcome:
        """Answer a scenario.

        Raises:
            InputError: it names what is not there, asks for what cannot be, or leads to values that are no numbers.
        """
        self.check(scenario)
        return self.outcome_of(scenario, self.changed(scenario))

    def check(self, scenario: Scenario, more: Sequence[str] = ()) -> None:
        """Raise every problem of a scenario at once, with those found elsewhere in the same request."""
        problems = [*checks.problems(scenario, self.names), *more]
        if problems:
            raise InputError(problems, heading=f"{scenario.name!r} cannot be answered:")

    def outcome_of(self, scenario: Scenario, changed: Changed) -> Outcome:
        """Forecast changed rows, and put them beside the baseline."""
        frame = changed.frame
        judged = self.reference.judge(frame, changed.columns, self.model.preprocessing.lookback)
        base, base_judged = self._baseline(self.origin_of(scenario))
        answered = self._answered(frame, changed.columns)
        return answers.outcome(self, scenario, changed, (base, base_judged), (answered, judged))

    def changed(self, scenario: Scenario) -> Changed:
        """The rows of a scenario.

        Raises:
            InputError: values become infinite, or derived columns are not what they are said to be.
        """
        frame = self.frame(self.origin_of(scenario))
        return self._finished(scenario, frame, self._shocked(scenario, frame))

    def changed_further(self, scenario: Scenario, extra: Sequence[Shock]) -> list[Changed]:
        """The rows of a scenario after one more shock, for each of ``extra``."""
        frame, names = self.frame(self.origin_of(scenario)), self.names.changeable(scenario)
        shocked = self._shocked(scenario, frame)
        further = (shocks.apply(frame, [shock], names, self.reference.sigmas, shocked) for shock in extra)
        return [self._finished(scenario, frame, columns) for columns in further]

    def _shocked(self, scenario: Scenario, frame: Frame) -> Columns:
        """Columns after the scenario's own future values and its shocks."""
        future = {name: frame.with_ahead(name, values) for name, values in scenario.future.items()}
        names, sigmas = self.names.changeable(scenario), self.reference.sigmas
        return shocks.apply(frame, scenario.shocks, names, sigmas, future)

    def _finished(self, scenario: Scenario, frame: Frame, shocked: Columns) -> Changed:
        """Cut values to what is permitted, let derived columns follow, and check what came of it."""
        preprocessing = self.model.preprocessing
        kept, cuts = shocks.cut(frame, shocked, self.permitted(scenario))
        columns = kept | derived.recompute(frame, kept, scenario.derived)
        read = {name: values for name, values in columns.items() if name in frame.columns}
        shocks.check_finite(frame, read, frame.origin + 1 - preprocessing.lookback, LARGEST)
        (value,) = windows.origin_values(self.model, frame, [read])
        if preprocessing.target.transform == "log_return" and value <= 0:
            raise InputError(
                f"{preprocessing.target.name} is {value:g} at the origin, and the model forecasts a ratio to it: it "
                "must be above 0"
            )
        return Changed(frame, read, cuts)

    def permitted(self, scenario: Scenario) -> dict[str, Permitted]:
        """What each feature may be: as the scenario says, else as the table's catalog does."""
        columns = [column for column in self.history.schema.columns if column.name in self.names.columns]
        limits = {c.name: Permitted(min=c.range[0], max=c.range[1]) for c in columns if c.range != (None, None)}
        for pattern, given in scenario.permitted.items():
            limits |= dict.fromkeys(shocks.matching([pattern], self.names.columns), given)
        return limits

    def origin_of(self, scenario: Scenario) -> int:
        """Position of a scenario's origin in the history."""
        return self.history.origin_at(scenario.origin, self.model.preprocessing.lookback)

    def frame(self, origin: int) -> Frame:
        """The rows around an origin.

        Raises:
            InputError: a feature that the model reads past the origin has no value there.
        """
        preprocessing = self.model.preprocessing
        frame = self.history.frame(origin, preprocessing.lookback, preprocessing.horizon)
        empty = [name for name in self.names.ahead if frame.unknown_ahead(name)]
        if empty:
            raise InputError(
                f"the model reads {', '.join(empty)} in the {preprocessing.horizon} rows after the origin, "
                f"{str(frame.times[frame.origin])[:10]}: add those rows, with the target left empty, or choose an "
                "earlier origin"
            )
        return frame

    def points(self, frame: Frame, variants: Sequence[Columns]) -> NDArray[np.float64]:
        """Point forecasts of many variants of one frame in one call, (variants, steps)."""
        described = self.forecaster.described(windows.inputs(self.model, frame, variants))
        return self.forecaster.points(described, windows.origin_values(self.model, frame, variants))

    def _answered(self, frame: Frame, changed: Columns) -> Answered:
        """All that the model says of one variant."""
        inputs = windows.inputs(self.model, frame, [changed])
        values = windows.origin_values(self.model, frame, [changed])
        described, passes = self.forecaster.described(inputs), self.forecaster.passes(inputs, values)
        points = self.forecaster.points(described, values)
        ends = self.bands.around(described[:, -1], values)
        return answers.Answered(float(values[0]), points[0], ends, None if passes is None else passes[:, 0])

    def _forecast_of_origin(self, origin: int) -> tuple[Answered, Plausibility]:
        frame = self.frame(origin)
        return self._answered(frame, {}), self.reference.judge(frame, {}, self.model.preprocessing.lookback)
