"""The search as a section of the training's page: what was tried, and which settings mattered."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.shared.report import Page, new_figure, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from components.train.tuning.trials import Search, Trial

SHOWN = 10
BLUE, GREY, RED = "#1f6feb", "#b6c0cc", "#c2410c"


def add_search(page: Page, search: Search) -> Page:
    """Add the best trials as a table, the scores in order, and a parallel-coordinates plot."""
    best = search.best
    counts = ", ".join(f"{search.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    page.heading("Search")
    kept = f"Trial {best.number + 1} is the one kept"
    page.text(f"{len(search.trials)} trials ({counts}). {kept}; score: {search.objective}.")
    keys = list(search.space)
    complete = sorted((t for t in search.trials if t.score is not None), key=lambda t: (t.score, t.number))
    rows = {
        f"trial {t.number + 1}": [t.score, t.epochs, *(_words(t.values[k]) for k in keys)] for t in complete[:SHOWN]
    }
    page.table(["", "score", "epochs", *keys], rows, strong=[f"trial {best.number + 1}"])
    page.figure(_scores(search, complete), "Score of each complete trial; the line is the best so far")
    if len(complete) > 1:
        page.figure(
            _parallel(keys, complete), "Settings of each complete trial, the better the darker; the best in red"
        )
    failed = [t for t in search.trials if t.state == "failed"]
    if failed:
        reasons = list(dict.fromkeys(t.reason for t in failed))[:3]
        page.text(f"Failed trials: {'; '.join(reasons)}", kind="note")
    return page


def _words(value: Any) -> str:
    return show(value) if isinstance(value, (int, float, str)) else json.dumps(value)


def _scores(search: Search, complete: Sequence[Trial]) -> Figure:
    in_order = sorted(complete, key=lambda t: t.number)
    numbers = [t.number + 1 for t in in_order]
    scores = [t.score or 0.0 for t in in_order]
    lowest = [min(scores[: end + 1]) for end in range(len(scores))]
    figure = new_figure(height=2.6)
    axes = figure.subplots()
    axes.plot(numbers, scores, linestyle="", marker="o", color=GREY)
    axes.step(numbers, lowest, where="post", color=BLUE)
    axes.set(xlabel="trial", ylabel="score", xlim=(0.5, len(search.trials) + 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _parallel(keys: Sequence[str], complete: Sequence[Trial]) -> Figure:
    """One line a trial over one axis a setting; ``complete`` in order of score, the best first."""
    columns = [_heights([t.values[key] for t in complete]) for key in keys]
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    for rank in reversed(range(len(complete))):
        shade = 0.9 - 0.75 * rank / max(1, len(complete) - 1)
        look = {"color": RED, "linewidth": 2.0} if rank == 0 else {"color": BLUE, "alpha": shade, "linewidth": 1.0}
        axes.plot(range(len(keys)), [heights[rank] for heights, _ in columns], **look)
    for position, (_, labels) in enumerate(columns):
        axes.axvline(position, color=GREY, linewidth=0.8, zorder=0)
        for height, label in labels:
            axes.annotate(label, (position, height), fontsize=7, xytext=(3, 2), textcoords="offset points")
    axes.set_xticks(range(len(keys)), keys, fontsize=8)
    axes.set_yticks([])
    axes.margins(x=0.08)
    axes.spines[:].set_visible(False)
    return figure


def _heights(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each value lies between 0 and 1 on its axis, and the labels of the axis."""
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        orders = min(values) > 0 and max(values) / min(values) > 30
        scaled = [math.log10(v) if orders else float(v) for v in values]
        low, spread = min(scaled), (max(scaled) - min(scaled)) or 1.0
        return [(v - low) / spread for v in scaled], [(0.0, show(float(min(values)))), (1.0, show(float(max(values))))]
    names = sorted({_words(v) for v in values})
    places = {name: index / max(1, len(names) - 1) for index, name in enumerate(names)}
    return [places[_words(v)] for v in values], [(place, name) for name, place in places.items()]
