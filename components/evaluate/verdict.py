"""One sentence on whether a model is worth having: does it beat the best baseline?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from components.evaluate.baselines import PHRASES
from components.evaluate.metrics import IN_TARGET_UNITS, LABELS, PERCENT
from components.shared.errors import InputError

Scores = Mapping[str, "float | None"]

_MOST_DECIMALS = 12


@dataclass(frozen=True)
class Verdict:
    """A model against the best baseline by one metric, lower is better."""

    metric: str
    model: float
    best_baseline: str
    best_baseline_value: float
    beats: bool
    sentence: str


def compare(table: Mapping[str, Scores], *, model: str, metric: str, unit: str) -> Verdict:
    """Compare a model with the best of the baselines; a draw does not beat.

    Args:
        table: metrics by forecaster, the model among them.
        model: the model's name in ``table``; all others are baselines, at least one.
        metric: the deciding metric.
        unit: unit of the target, for the sentence.

    Raises:
        InputError: the deciding metric is undefined for a forecaster on this hold-out.
    """
    undefined = [name for name, scores in table.items() if scores[metric] is None]
    if undefined:
        raise InputError(
            f"{LABELS[metric]} decides, but is undefined on this hold-out for {', '.join(undefined)}; "
            "choose another with --set evaluate.metric=rmse"
        )
    values = {name: float(scores[metric] or 0.0) for name, scores in table.items()}
    mine = values.pop(model)
    best = min(values, key=values.__getitem__)
    beats = mine < values[best]
    # What a model must beat first of all are the forecasts that cost nothing: each it fails to beat is named.
    rivals = [best] if beats else sorted((name for name in values if values[name] <= mine), key=values.__getitem__)
    ours, theirs = _distinct(mine, values[best])
    others = [theirs, *(_distinct(values[name], mine)[0] for name in rivals[1:])]
    sentence = (
        f"{model} {'beats' if beats else 'does not beat'} {_listed([PHRASES[name] for name in rivals])}: "
        f"{LABELS[metric]} {ours} against {_listed(others)}{_unit_suffix(metric, unit)}"
    )
    return Verdict(metric, mine, best, values[best], beats, sentence)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _distinct(first: float, second: float) -> tuple[str, str]:
    """Both numbers with three significant digits of the smaller, or as many more as it takes to tell them apart."""
    smallest = min((value for value in (first, second) if value > 0), default=1.0)
    decimals = min(_MOST_DECIMALS, max(0, 2 - math.floor(math.log10(smallest))))
    while f"{first:.{decimals}f}" == f"{second:.{decimals}f}" and first != second and decimals < _MOST_DECIMALS:
        decimals += 1
    return f"{first:,.{decimals}f}", f"{second:,.{decimals}f}"


def _unit_suffix(metric: str, unit: str) -> str:
    if metric in PERCENT:
        return " %"
    return f" {unit}" if metric in IN_TARGET_UNITS and unit else ""
