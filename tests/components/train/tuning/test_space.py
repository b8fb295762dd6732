from __future__ import annotations

from typing import Any

import pytest

from components.shared.errors import InputError
from components.train.config import TrainConfig
from components.train.models import REGISTRY
from components.train.tuning import space as spaces
from components.train.tuning import study


def parsed(space: dict[str, Any], **train: Any) -> TrainConfig:
    section = {"model": {"kind": "lstm"}, **train, "tune": {"trials": 3, "space": space}}
    return TrainConfig.parse(section, section="train")


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ({"model.unit": {"choices": [[8]]}}, "unknown key model.unit: did you mean model.units?"),
        ({"learning_rate": {"low": 0.1, "high": 1}}, "did you mean optimizer.learning_rate?"),
        ({"tune.trials": {"choices": [1]}}, "unknown key tune.trials"),
        ({"batch_size": {"low": -16, "high": 64}}, "batch_size: input should be greater than 0 (got -16)"),
        ({"model.dropout": {"low": 0, "high": 1}}, "model.dropout: input should be less than 1 (got 1)"),
        ({"loss.kind": {"choices": ["mse", "hubr"]}}, "unknown 'hubr': did you mean huber?"),
        ({"losss.kind": {"choices": ["mse"]}}, "unknown key losss.kind: did you mean loss.kind?"),
        ({"loss.kind": {"choices": ["mse", "huber"]}, "loss.delta": {"low": 1, "high": 2}}, "unknown key loss.delta"),
        ({"batch_size": {"low": 64, "high": 16}}, "expected low below high; got 64 and 16"),
        ({"model.dropout": {"low": 0, "high": 0.5, "log": True}}, "log needs low above 0 and no step"),
        ({"batch_size": {"lw": 4, "high": 16}}, "unknown key train.tune.space.batch_size.lw: did you mean low?"),
        ({"batch_size": {"choices": []}}, "at least 1 item"),
    ],
    ids=[
        "key", "key of a deeper section", "itself", "low end", "high end", "choice", "unknown kind",
        "key of another kind", "reversed", "log from zero", "misspelt", "no choice",
    ],
)  # fmt: skip
def test_a_space_that_cannot_be_tried_is_refused_before_any_trial(space: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(space)
    assert expected in str(caught.value)


def test_all_problems_of_a_space_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parsed({"model.unit": {"choices": [[8]]}, "batch_size": {"low": -1, "high": 2}, "epochs": {"choices": [0, 1]}})
    message = str(caught.value)
    assert all(text in message for text in ("model.units?", "batch_size: input", "epochs: input"))


def test_another_kind_drops_the_settings_of_the_old_one() -> None:
    config = parsed({"loss.kind": {"choices": ["mse"]}}, loss={"kind": "huber", "delta": 2.0})
    assert spaces.assigned(spaces.plain(config), {"loss.kind": "mse"})["loss"] == {"kind": "mse"}
    kept = spaces.assigned(spaces.plain(config), {"loss.kind": "huber"})["loss"]
    assert kept == {"kind": "huber", "delta": 2.0}


def test_the_base_is_left_as_it_is() -> None:
    config = parsed({})
    base = spaces.plain(config)
    spaces.assigned(base, {"model.units": [1], "optimizer.learning_rate": 1.0})
    assert base == spaces.plain(config)


@pytest.mark.parametrize(
    ("key", "low", "high", "whole"),
    [("batch_size", 16, 64, True), ("model.dropout", 0.1, 0.5, False), ("optimizer.learning_rate", 1, 10, False)],
)
def test_whole_numbers_are_drawn_where_the_setting_takes_no_others(
    key: str, low: float, high: float, whole: bool
) -> None:
    config = parsed({})
    assert spaces.is_whole(key, spaces.Range(low=low, high=high), config) is whole


@pytest.mark.parametrize("kind", sorted(kind for kind, offered in REGISTRY.items() if offered.space))
def test_the_space_declared_beside_a_model_is_valid(kind: str) -> None:
    config = TrainConfig.parse({"model": {"kind": kind}, "tune": {"trials": 1}}, section="train")
    space = study.space_of(config)
    assert space
    assert spaces.problems(space, config.model_copy(update={"tune": None})) == []


def test_yaml_numbers_that_read_as_text_are_numbers() -> None:
    config = parsed({"optimizer.learning_rate": {"low": "1e-4", "high": "1e-2", "log": True}})
    assert config.tune is not None
    assert config.tune.space["optimizer.learning_rate"].tried == (1e-4, 1e-2)
