"""What a search tried and what came of it: ``trials.csv`` and ``tuning.json`` in the model folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from components.shared.files import new_file, write_json

if TYPE_CHECKING:
    from components.train.config import TrainConfig

CSV, SUMMARY = "trials.csv", "tuning.json"
State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One set of values; ``score`` is None where the trial was pruned or failed, and ``reason`` says why it failed."""

    number: int
    state: State
    score: float | None
    values: Mapping[str, Any]
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Search:
    """A finished search.

    Attributes:
        trials: all of them, in order.
        best: the complete one with the lowest score.
        config: the training with the best one's values.
        work: folder of the best one's progress, which a training with ``config`` goes on from.
        objective: what the score is, in words.
        space: what varied, as configured.
    """

    trials: Sequence[Trial]
    best: Trial
    config: TrainConfig
    work: Path
    objective: str
    space: Mapping[str, Any]

    def count(self, state: State) -> int:
        return sum(trial.state == state for trial in self.trials)

    def write(self, folder: Path) -> None:
        """Write the table of trials and the summary."""
        keys = list(self.space)
        with new_file(folder / CSV) as scratch, scratch.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["trial", "state", "score", "epochs", "seconds", *keys, "reason"])
            for t in self.trials:
                score = "" if t.score is None else repr(t.score)
                values = [_cell(t.values.get(key)) for key in keys]
                writer.writerow([t.number, t.state, score, t.epochs, f"{t.seconds:.3f}", *values, t.reason])
        summary = {
            "objective": self.objective,
            "trials": len(self.trials),
            **{state: self.count(state) for state in ("complete", "pruned", "failed")},
            "best": {"trial": self.best.number, "score": self.best.score, "values": dict(self.best.values)},
            "space": dict(self.space),
        }
        write_json(folder / SUMMARY, summary)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
