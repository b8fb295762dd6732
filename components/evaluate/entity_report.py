"""The part of a page about each series of a panel: pooled figures speak of the series with the largest moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.evaluate.baselines import PHRASES
from components.evaluate.metrics import LABELS
from components.evaluate.plotting import readable

if TYPE_CHECKING:
    from components.evaluate.scorecard import Scorecard
    from components.shared.report import Page

MOST_SHOWN = 20
UNEQUAL = 5.0
"""How many times the moves of one series may be those of another before pooled figures are qualified."""


def add_entities(page: Page, card: Scorecard) -> None:
    """Scores of every series by the deciding metric, the share its 90 % band held, and whether pooling is fair."""
    if not card.by_entity:
        return
    metric, best = card.verdict.metric, card.verdict.best_baseline
    shown = _shown(card)
    page.heading(f"{LABELS[metric]} by {card.preprocessing.entity}")
    page.table(
        [card.preprocessing.entity, "windows", *map(readable, card.table), "90% band held"],
        {name: _cells(card, name) for name in shown},
    )
    closer = sum(_relative(card, name) < 1 for name in card.by_entity)
    said = f"{card.model} is closer than {PHRASES[best]} in {closer:,} of {len(card.by_entity):,}."
    if len(shown) < len(card.by_entity):
        said += f" Shown are the {MOST_SHOWN // 2} where it does worst beside it, and the {MOST_SHOWN // 2} where best."
    page.text(said, kind="note")
    if pooling := _about_pooling(card):
        page.text(pooling, kind="note")


def _cells(card: Scorecard, name: str) -> list[object]:
    own = card.holdout.of_entity(card.holdout.entities.index(name))
    held = None
    if card.uncertainty is not None:
        lower, upper = card.uncertainty.bands[card.model].band(0.9)
        truth = card.holdout.truth
        held = f"{((truth >= lower) & (truth <= upper))[own].mean():.1%}"
    scores = card.by_entity[name]
    return [int(own.sum()), *(scores[who][card.verdict.metric] for who in card.table), held]


def _relative(card: Scorecard, name: str) -> float:
    """The model's error in a series as a share of that of the pooled table's best baseline."""
    metric, scores = card.verdict.metric, card.by_entity[name]
    mine, other = scores[card.model][metric], scores[card.verdict.best_baseline][metric]
    return mine / other if mine is not None and other else float("inf")


def _shown(card: Scorecard) -> list[str]:
    """All series, or the worst and the best where they are many."""
    names = list(card.by_entity)
    if len(names) <= MOST_SHOWN:
        return names
    ranked = sorted(names, key=lambda name: _relative(card, name), reverse=True)
    return [*ranked[: MOST_SHOWN // 2], *ranked[-MOST_SHOWN // 2 :]]


def _about_pooling(card: Scorecard) -> str:
    """Empty where the series move alike, or are compared by their relative moves."""
    if card.preprocessing.target.transform == "log_return":
        return ""
    reference = card.verdict.best_baseline
    moves = {name: scores[reference]["mae"] or 0.0 for name, scores in card.by_entity.items()}
    largest, smallest = max(moves, key=moves.__getitem__), min(moves, key=moves.__getitem__)
    if not moves[largest] > UNEQUAL * moves[smallest]:
        return ""
    times = f"{moves[largest] / moves[smallest]:.0f} times" if moves[smallest] else "far more than"
    return (
        f"Errors in {largest} are {times} those in {smallest}, so that pooled figures, the training loss and the "
        f"intervals of new forecasts speak of series like {largest}: intervals of {smallest} will be far too wide. "
        "Set preprocess.target_transform: log_return, or train the series apart."
    )
