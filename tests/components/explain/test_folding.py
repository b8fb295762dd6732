from __future__ import annotations

import keras
import numpy as np
import pytest

from components.explain import folding, gradients, narrowing
from components.shared.layers import SelfAttention
from components.train.models import REGISTRY, build
from components.train.models.kind import WindowShape


def itransformer(lookback: int = 12, shape: dict | None = None, **settings: object) -> keras.Model:
    """Five variates, width 32, with weights of a size that makes attention choose."""
    keras.utils.set_random_seed(2)
    config = {"kind": "itransformer", "d_model": 32, "heads": 4, "layers": 2} | settings
    model = build(REGISTRY["itransformer"].config(**config), WindowShape(lookback, 5, **(shape or {})))
    redraw(model)
    return model


def redraw(model: keras.Model, seed: int = 3) -> None:
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.3)


def answers(model: keras.Model) -> np.ndarray:
    rng = np.random.default_rng(4)
    given = [rng.normal(size=(6, *own.shape[1:])).astype(np.float32) for own in model.inputs]
    return np.asarray(model(given if len(given) > 1 else given[0]))


def has(model: keras.Model, kind: type) -> bool:
    return any(isinstance(layer, kind) for layer in model.layers)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"layers": 3, "dropout": 0.0},
        {"shape": {"steps": 3, "channels": 5}, "skip": "linear"},
        {"shape": {"steps": 3, "channels": 1, "known": 2, "ahead": 3}, "covariates": "past"},
    ],
    ids=["label", "three blocks without dropout", "path of all variates", "covariates up to the origin"],
)
def test_a_folded_model_answers_the_same(given: dict) -> None:
    whole = itransformer(**given)
    folded = folding.folded(narrowing.narrowed(whole))
    assert has(folded, folding.EmbeddedAttention)
    np.testing.assert_allclose(answers(folded), answers(whole), atol=2e-5)
    redraw(whole, seed=5)  # as the check against a shuffled model does
    np.testing.assert_allclose(answers(folded), answers(whole), atol=2e-5)


@pytest.mark.parametrize(
    "given",
    [
        {"lookback": 25},
        {"layers": 1},
        {"shape": {"steps": 3, "channels": 1, "known": 2, "ahead": 3}, "covariates": "ahead"},
    ],
    ids=["windows too long to gain", "the only block is narrowed", "two embeddings"],
)
def test_what_cannot_gain_is_given_back_as_it_is(given: dict) -> None:
    narrow = narrowing.narrowed(itransformer(**given))
    assert folding.folded(narrow) is narrow


def test_an_embedding_with_an_activation_is_left_alone() -> None:
    window = keras.Input((5, 8))
    tokens = keras.layers.Dense(32, activation="tanh")(window)
    model = keras.Model(window, SelfAttention(4)(tokens))
    assert folding.folded(model) is model


def test_gradients_are_those_of_the_whole_model() -> None:
    whole = itransformer()
    at = np.random.default_rng(6).normal(size=(4, 12, 5)).astype(np.float32)
    here, once = np.zeros(1, np.float32), np.ones(1, np.float32)
    slopes = [
        gradients.of_model(model).slopes([at], [np.zeros_like(at)], here, once, 0)[1][0]
        for model in (whole, folding.folded(narrowing.narrowed(whole)))
    ]
    np.testing.assert_allclose(slopes[1], slopes[0], atol=1e-4 * np.abs(slopes[0]).max())


def test_xla_is_not_tried_where_no_attention_between_all_tokens_is_left() -> None:
    assert gradients._may_gain(narrowing.narrowed(itransformer()))
    assert not gradients._may_gain(folding.folded(narrowing.narrowed(itransformer())))
    assert gradients._may_gain(folding.folded(narrowing.narrowed(itransformer(layers=3))))
