from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.train import mode
from components.train.config import TrainConfig
from components.train.source import WindowSource

LONG = {"model": {"kind": "feedforward"}, "epochs": 5000, "batch_size": 32}


class Way:
    """A way to run whose cost and loss are known; the trial measures real time."""

    def __init__(self, work: int, loss: float) -> None:
        self.work, self.loss = work, loss

    def train(self, _: np.ndarray, __: int) -> float:
        for _ in range(self.work):
            np.linalg.inv(np.eye(60) + 1e-3)
        return self.loss

    def evaluate(self, _: np.ndarray) -> float:
        return self.loss


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tandem" / "trials.json"


Choose = Callable[..., tuple[mode.Mode, list[tuple[str, bool]]]]


@pytest.fixture
def choose(label_source: Callable[..., WindowSource]) -> Choose:
    """Choose among ways by (precision, XLA); answers the choice and what was built to make it."""

    def chosen(config: dict[str, Any], ways: dict[tuple[str, bool], Way]) -> tuple[mode.Mode, list[tuple[str, bool]]]:
        built: list[tuple[str, bool]] = []

        def build(precision: str, xla: bool) -> Any:
            built.append((precision, xla))
            return None, ways[precision, xla]

        return mode.choose(TrainConfig.parse(config, section="train"), label_source(), None, build), built

    return chosen


def test_what_is_asked_for_is_done_without_a_trial(choose: Choose) -> None:
    chosen, built = choose({**LONG, "xla": True}, {})
    assert (chosen.precision, chosen.xla, built) == ("float32", True, [])


def test_short_trainings_have_no_trial(choose: Choose) -> None:
    chosen, built = choose({**LONG, "epochs": 2}, {})
    assert (chosen.xla, built) == (False, [])
    assert "too few" in chosen.reason or "no trial" in chosen.reason


@pytest.mark.parametrize("slow_xla", [True, False], ids=["xla-slower", "xla-faster"])
def test_a_trial_takes_the_faster_way(slow_xla: bool, choose: Choose) -> None:
    fast, slow = Way(1, 0.5), Way(60, 0.5)
    chosen, _ = choose(
        LONG, {("float32", False): fast if slow_xla else slow, ("float32", True): slow if slow_xla else fast}
    )
    assert chosen.xla is not slow_xla


def test_a_faster_way_that_computes_something_else_is_not_taken(choose: Choose) -> None:
    ways = {("float32", False): Way(60, 0.50), ("float32", True): Way(1, 0.56)}
    chosen, _ = choose(LONG, ways)
    assert not chosen.xla
    assert "strays" in chosen.reason


def test_the_outcome_is_remembered_so_that_equal_trainings_run_alike(memory: Path, choose: Choose) -> None:
    ways = {("float32", False): Way(60, 0.5), ("float32", True): Way(1, 0.5)}
    first, built = choose(LONG, ways)
    assert first.xla
    assert built
    again, rebuilt = choose(LONG, {})
    assert (again, rebuilt) == (first, [])
    memory.write_text("{ half a file")
    assert choose(LONG, ways)[0].xla


def test_precision_is_tried_only_where_it_is_left_open(choose: Choose) -> None:
    ways = {(p, x): Way(40, 0.5) for p in ("float32", "mixed_bfloat16") for x in (False, True)}
    ways["mixed_bfloat16", False] = Way(1, 0.5)
    chosen, built = choose({**LONG, "precision": "auto"}, ways)
    assert chosen.precision == "mixed_bfloat16"
    assert set(built) == set(ways)
