"""Learning rates step by step, against what the schedules say of themselves."""

from __future__ import annotations

import math
from typing import Any

import keras
import pytest

from components.train import optimization
from components.train.config import TrainConfig

STEPS, EPOCHS, PEAK = 10, 5, 0.02


def rates(schedule: dict[str, Any]) -> list[float]:
    """The rate of every step of a training of five epochs of ten steps."""
    section = {"model": {"kind": "linear"}, "epochs": EPOCHS, "schedule": schedule}
    config = TrainConfig.parse({**section, "optimizer": {"learning_rate": PEAK}}, section="train")
    schedule_of = optimization.optimizer(config, STEPS)._learning_rate
    return [float(keras.ops.convert_to_numpy(schedule_of(step))) for step in range(STEPS * EPOCHS + 1)]


def test_a_step_schedule_changes_with_the_first_step_of_an_epoch() -> None:
    found = rates({"kind": "step", "factor": 0.5, "hold_epochs": 2})
    expected = [PEAK, PEAK, PEAK / 2, PEAK / 4, PEAK / 8]
    assert found[:-1] == pytest.approx([rate for rate in expected for _ in range(STEPS)])


def test_a_cosine_rises_for_its_warm_up_and_ends_at_its_fraction() -> None:
    found = rates({"kind": "cosine", "warmup_epochs": 1, "final_fraction": 0.1})
    assert found[0] == 0.0
    assert found[STEPS // 2] == pytest.approx(PEAK / 2)
    assert found[STEPS] == max(found) == pytest.approx(PEAK)
    middle = STEPS + (EPOCHS - 1) * STEPS // 2
    assert found[middle] == pytest.approx(PEAK * (0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2))
    assert found[-1] == pytest.approx(0.1 * PEAK)


@pytest.mark.parametrize(("kind", "name"), [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD")])
def test_an_optimizer_clips_the_global_norm_and_decays_where_it_says(kind: str, name: str) -> None:
    section = {"optimizer": {"kind": kind, "clip_norm": 0.5, "weight_decay": 0.01}, "schedule": {"kind": "constant"}}
    made = optimization.optimizer(TrainConfig.parse({"model": {"kind": "linear"}, **section}, section="train"), STEPS)
    assert (type(made).__name__, made.global_clipnorm, made.name) == (name, 0.5, "optimizer")
    assert made.weight_decay == (0.01 if kind == "adamw" else None)
