"""What in a scenario cannot be: all of it at once, before anything is computed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.scenario import derived as derivations
from components.scenario import windows
from components.scenario.config import Replacement
from components.scenario.shocks import matching

if TYPE_CHECKING:
    from components.scenario.config import Condition, Scenario, Shape, Shock
    from components.scenario.history import History
    from components.shared.artifacts import TrainedModel


@dataclass(frozen=True)
class Names:
    """What a scenario may speak of: columns of the model's rows, and what is special about some of them."""

    columns: tuple[str, ...]
    time: str
    calendar: tuple[str, ...]
    ahead: tuple[str, ...]
    horizon: int

    @classmethod
    def of(cls, model: TrainedModel, history: History) -> Names:
        preprocessing = model.preprocessing
        return cls(
            tuple(history.columns),
            preprocessing.time,
            preprocessing.calendar,
            tuple(windows.features_ahead(model)),
            preprocessing.horizon,
        )

    def changeable(self, scenario: Scenario) -> list[str]:
        """Features that shocks of a scenario may change: not those that follow from others."""
        follow = {definition.name for definition in scenario.derived}
        free = [name for name in self.columns if name not in follow]
        return free if scenario.vary is None else matching(scenario.vary, free)


def problems(scenario: Scenario, names: Names) -> list[str]:
    """Everything in a scenario that names what is not there or asks for what cannot be."""
    found = _unmatched("vary", scenario.vary or (), names.columns)
    found += _derived_problems(scenario, names)
    found += _unmatched("permitted", scenario.permitted, names.columns)
    for position, shock in enumerate(scenario.shocks):
        found += shock_problems(f"shocks.{position}", shock.features, scenario, names)
        found += [problem for c in shock.when for problem in _condition_problems(f"shocks.{position}.when", c, names)]
        found += _timing_problems(f"shocks.{position}", shock, scenario, names)
    return found + _future_problems(scenario, names)


def shock_problems(place: str, patterns: Sequence[str], scenario: Scenario, names: Names) -> list[str]:
    """Patterns that match no feature that may be changed."""
    free, found = names.changeable(scenario), []
    for pattern in patterns:
        if matching([pattern], free):
            continue
        if matching([pattern], [definition.name for definition in scenario.derived]):
            found.append(f"{place}: {pattern} is derived: change what it is derived from")
        elif pattern in names.calendar:
            found.append(f"{place}: {pattern} is computed from the date, which a scenario does not change")
        elif matching([pattern], names.columns):
            found.append(f"{place}: {pattern} is not among the features to vary: add it to vary, or leave it out")
        else:
            found.append(f"{place}: {_unknown(pattern, names.columns)}")
    return found


def _unmatched(place: str, patterns: Iterable[str], columns: Sequence[str]) -> list[str]:
    return [f"{place}: {_unknown(pattern, columns)}" for pattern in patterns if not matching([pattern], columns)]


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, n=1)
    return f"no feature is called {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def _condition_problems(place: str, condition: Condition, names: Names) -> list[str]:
    if condition.column == names.time:
        return [] if isinstance(condition.value, str) else [f"{place}: {names.time} is compared with a date"]
    if condition.column not in names.columns:
        return [f"{place}: {_unknown(condition.column, [*names.columns, names.time])}"]
    return [] if not isinstance(condition.value, str) else [f"{place}: {condition.column} is compared with a number"]


def _derived_problems(scenario: Scenario, names: Names) -> list[str]:
    found, known = [], set(names.columns)
    defined: set[str] = set()
    later = {definition.name for definition in scenario.derived}
    for position, definition in enumerate(scenario.derived):
        place = f"derived.{position}"
        if definition.name in defined:
            found.append(f"{place}: {definition.name} is defined twice")
        for name in derivations.sources(definition):
            if name == definition.name or (name in later and name not in defined):
                found.append(f"{place}: {definition.name} reads {name}, which must be defined before it")
            elif name not in known:
                found.append(f"{place}: {_unknown(name, sorted(known))}")
        defined.add(definition.name)
        known.add(definition.name)
    return found


def _timing_problems(place: str, shock: Shock, scenario: Scenario, names: Names) -> list[str]:
    """Shocks that touch no row the model looks at."""
    start = _start(shock)
    if start <= 0:
        return []
    idle = [n for n in matching(shock.features, names.changeable(scenario)) if n not in names.ahead]
    if not idle:
        return [f"{place}: it starts {start} rows ahead, and the horizon is {names.horizon}"] * (start > names.horizon)
    return [
        f"{place}: it starts {start} rows after the origin, where the model looks at no value of {idle[0]}; "
        "start at 0 or before"
    ]


def _start(shock: Shock) -> int:
    if isinstance(shock, Replacement):
        return shock.start if shock.start is not None else 1 - len(shock.values)
    shape: Shape = shock.shape
    return shape.start


def _future_problems(scenario: Scenario, names: Names) -> list[str]:
    found = []
    for name, values in scenario.future.items():
        if name in names.calendar:
            found.append(f"future: {name} is computed from the date")
        elif name not in names.ahead:
            known = f"it looks ahead at {', '.join(names.ahead)}" if names.ahead else "it looks ahead at no feature"
            found.append(f"future: the model does not read {name} past the origin; {known}")
        elif len(values) != names.horizon:
            found.append(f"future: {name} needs {names.horizon} values, one a row of the horizon; got {len(values)}")
    return found
