"""The ``train.tune`` section: which settings may vary, how far, and for how many trials.

A search space maps a key of the ``train`` section, such as ``model.units``, to a range or to a list of choices. Every
end of a range and every choice is tried on the real config models before the first trial.
"""

from __future__ import annotations

import copy
import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationError,
    model_validator,
)

from components.shared.config import ConfigSource, StrictModel, explain


class Range(StrictModel):
    """Numbers from ``low`` to ``high``, both possible; whole numbers where the setting takes no others."""

    low: float
    high: float
    log: bool = False
    """Draw evenly over orders of magnitude."""
    step: PositiveFloat | None = None
    """Draw only ``low``, ``low + step``, …"""

    @model_validator(mode="after")
    def _spans_something(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"expected low below high; got {self.low:g} and {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs low above 0 and no step")
        return self

    @property
    def tried(self) -> tuple[Any, ...]:
        return tuple(int(end) if end.is_integer() else end for end in (self.low, self.high))


class Choices(StrictModel):
    """Values to choose from, in no order."""

    choices: tuple[Any, ...] = Field(min_length=1)

    @property
    def tried(self) -> tuple[Any, ...]:
        return self.choices


def _form(value: Any) -> str:
    return "of choices" if isinstance(value, Choices) or (isinstance(value, dict) and "choices" in value) else "range"


Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("of choices")],
    Discriminator(_form),
]
Space = Mapping[str, Range | Choices]


class TuneConfig(StrictModel):
    """How to search. ``trials: 0`` searches nothing and leaves the space for ``--tune N``."""

    trials: NonNegativeInt = 0
    timeout: PositiveFloat | None = None
    """Begin no new trial after this many seconds of trials; null for no limit."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """How a trial is given up before its last epoch; see Optuna's pruners of these names."""
    seed: NonNegativeInt = 0
    """Seeds what is tried; the training's own seed is the same in every trial."""
    startup_trials: PositiveInt = 8
    """Trials drawn at random before the sampler learns from them."""
    space: dict[str, Dimension] = Field(default_factory=dict)
    """Key of the train section to {low, high, log, step} or {choices: […]}; empty for the model's own space."""


def assigned(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The train section as plain values, with ``values`` at their dotted keys.

    Another ``kind`` drops the settings that belonged to the old one.
    """
    out = copy.deepcopy(dict(base))
    for key, value in sorted(values.items(), key=lambda item: not _is_kind(item[0])):
        *parents, last = key.split(".")
        node = out
        for parent in parents:
            node = node[parent]
        if last == "kind" and node.get("kind") != value:
            node.clear()
        node[last] = value
    return out


def plain(config: StrictModel) -> dict[str, Any]:
    """A training without its search, as plain values."""
    return config.model_dump(mode="json", exclude={"tune"})


def problems(space: Space, base: StrictModel) -> list[str]:
    """What cannot be tried, each with the key and the nearest valid one; ``base`` is the training as configured."""
    found: dict[str, None] = {}
    possible = []
    for kinds in _kinds(space, _keys(plain(base))):
        refused = _refused(base, kinds)
        found |= dict.fromkeys(refused)
        possible += [] if refused else [kinds]
    possible = possible or [{}]
    known = {key for kinds in possible for key in _keys(plain(_with(base, kinds)))}
    for key, dimension in space.items():
        if key not in known:
            found[_unknown(key, known)] = None
        elif not _is_kind(key):
            for value, kinds in itertools.product(dimension.tried, possible):
                found |= dict.fromkeys(_refused(base, {**kinds, key: value}))
    return list(found)


def is_whole(key: str, dimension: Range, base: StrictModel) -> bool:
    """Whether a range is one of whole numbers: its ends are, and the setting refuses what lies between."""
    if not (dimension.low.is_integer() and dimension.high.is_integer()):
        return False
    return bool(_refused(base, {key: dimension.low + 0.5}))


def _kinds(space: Space, known: set[str]) -> Iterator[dict[str, Any]]:
    """Every combination of the kinds that the space varies, on which the other settings' validity depends."""
    varied = {key: dimension.tried for key, dimension in space.items() if _is_kind(key) and key in known}
    for values in itertools.product(*varied.values()):
        yield dict(zip(varied, values, strict=True))


def _is_kind(key: str) -> bool:
    return key.endswith(".kind")


def _with(base: StrictModel, values: Mapping[str, Any]) -> StrictModel:
    return type(base).model_validate(assigned(plain(base), values))


def _refused(base: StrictModel, values: Mapping[str, Any]) -> list[str]:
    """What the config models say against these values; nothing when they are valid."""
    data = assigned(plain(base), values)
    try:
        type(base).model_validate(data)
    except ValidationError as error:
        return explain(error, type(base), ConfigSource(data))
    return []


def _keys(values: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Dotted keys of a nested mapping, those of sections included."""
    found = set()
    for name, value in values.items():
        found.add(f"{prefix}{name}")
        if isinstance(value, dict):
            found |= _keys(value, f"{prefix}{name}.")
    return found


def _unknown(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1) or [k for k in known if k.endswith(f".{key}")][:1]
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key {key}: {hint}Valid: {', '.join(sorted(known))}"
