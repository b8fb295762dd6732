from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from components.explain import attributions, gradients, shapley
from components.explain.attributions import Attributions
from components.explain.quadrature import RULES, MakeRule, lobatto, turning

Windows = Callable[[int, int], np.ndarray]


def explain(model: keras.Model, samples: np.ndarray, baselines: np.ndarray, **options: float) -> Attributions:
    batch = int(options.pop("batch", 1536))
    return attributions.expected_gradients(gradients.of_model(model, batch=batch), [samples], [baselines], **options)


@pytest.mark.parametrize("nodes", [1, 3, 8])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_linear_model_gets_the_closed_form(
    rule: MakeRule,
    nodes: int,
    windows: Windows,
    linear: Callable[[np.ndarray], keras.Model],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attributions, "RULES", (rule,))
    weights = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)
    samples, baselines = windows(5, 1), windows(11, 2)
    found = explain(linear(weights), samples, baselines, nodes=nodes)
    closed = weights * (samples - baselines.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(found.values[..., 0], closed, atol=1e-6)
    base = (weights.astype(np.float64) * baselines).sum(axis=(1, 2)).mean() + 0.7
    assert found.base_values[0] == pytest.approx(base, abs=1e-6)


def test_permutation_shapley_gets_the_closed_form_too(
    windows: Windows, linear: Callable[[np.ndarray], keras.Model]
) -> None:
    weights = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float64)
    samples, baselines = windows(5, 1), windows(11, 2)

    def predict(arrays: attributions.Arrays) -> np.ndarray:
        return (weights * arrays[0]).sum(axis=(1, 2)) + 0.7

    found = shapley.permutation_shapley(predict, [samples], [baselines], [[0], [1, 3], [2]])
    closed = (weights * (samples - baselines.mean(axis=0, dtype=np.float64))).sum(axis=1)
    np.testing.assert_allclose(found.values[:, :, 0], closed[:, [0, 1, 2]] + [0, 1, 0] * closed[:, [3]], atol=1e-6)


def test_every_output_is_explained_by_itself(windows: Windows, linear: Callable[[np.ndarray], keras.Model]) -> None:
    weights = np.random.default_rng(3).normal(size=(6, 4, 3)).astype(np.float32)
    samples, baselines = windows(5, 1), windows(11, 2)
    found = explain(linear(weights), samples, baselines)
    assert found.values.shape == (5, 6, 4, 3)
    assert found.outputs.shape == (5, 3)
    closed = weights * (samples - baselines.mean(axis=0))[..., None]
    np.testing.assert_allclose(found.values, closed, atol=1e-6)
    assert np.abs(found.residuals).max() < 1e-5


def test_attributions_of_an_lstm_add_up_to_its_forecasts(windows: Windows, lstm: keras.Model) -> None:
    samples, baselines = windows(6, 1), windows(20, 2)
    found = explain(lstm, samples, baselines)
    forecasts, base = np.asarray(lstm(samples))[:, 0], float(np.asarray(lstm(baselines)).mean())
    np.testing.assert_allclose(found.values.sum(axis=(1, 2))[:, 0], forecasts - base, rtol=1e-3)
    assert found.relative_residual < 0.0005
    assert np.abs(found.values).max() > 0.01


def test_both_ends_of_a_path_count(windows: Windows, lstm: keras.Model) -> None:
    # Three inner nodes with the ends integrate degree 7; three nodes of Gauss-Legendre, degree 5, miss more.
    samples, baselines = windows(6, 1), windows(20, 2)
    with_ends = explain(lstm, samples, baselines, nodes=3).relative_residual
    gradient = gradients.of_model(lstm)
    positions, weights = np.polynomial.legendre.leggauss(3)
    rule = ((positions + 1) / 2).astype(np.float32), (weights / 2).astype(np.float32)
    totals = []
    for sample in samples:
        moves = sample - baselines
        _, slopes = gradient.slopes([baselines], [moves], *rule, 0)
        totals.append((slopes[0] * moves).sum(axis=(1, 2)).mean())
    explained = np.asarray(lstm(samples))[:, 0] - float(np.asarray(lstm(baselines)).mean())
    assert with_ends < attributions.missed_share(explained - np.array(totals), explained) / 2


def directions(model: keras.Model) -> keras.Model:
    """The same model of the window's direction: each feature divided by its length over the rows."""
    window = keras.Input((6, 4))
    return keras.Model(window, model(keras.layers.UnitNormalization(axis=1)(window)))


def test_a_few_paths_choose_the_rule(windows: Windows, lstm: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, baselines = windows(6, 1), windows(20, 2)
    for model, best in ((lstm, lobatto), (directions(lstm), turning)):
        missed = {}
        for rules in ((lobatto,), (turning,), RULES):
            monkeypatch.setattr(attributions, "RULES", rules)
            missed[rules] = explain(model, samples, baselines, nodes=3).relative_residual
        assert missed[RULES] == missed[(best,)]
        assert 1.5 * missed[(best,)] < max(missed.values())


def test_a_feature_that_the_model_ignores_gets_nothing(windows: Windows, lstm: keras.Model) -> None:
    layer = lstm.layers[1]
    kernel, *rest = layer.get_weights()
    kernel[2] = 0.0
    layer.set_weights([kernel, *rest])
    found = explain(lstm, windows(4, 1), windows(8, 2))
    assert np.abs(found.values[:, :, 2]).max() < 1e-7
    assert np.abs(found.values[:, :, [0, 1, 3]]).max() > 0.01


def test_permuting_columns_permutes_attributions(windows: Windows, lstm: keras.Model) -> None:
    samples, baselines = windows(3, 1), windows(7, 2)
    before = explain(lstm, samples, baselines)
    order = [2, 0, 3, 1]
    layer = lstm.layers[1]
    kernel, *rest = layer.get_weights()
    layer.set_weights([kernel[order], *rest])
    after = explain(lstm, samples[:, :, order], baselines[:, :, order])
    np.testing.assert_allclose(after.values, before.values[:, :, order], atol=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 10_000], ids=["one point", "ends within a sample", "everything at once"])
def test_the_batch_size_changes_nothing(batch: int, windows: Windows, lstm: keras.Model) -> None:
    samples, baselines = windows(3, 1), windows(4, 2)
    expected = explain(lstm, samples, baselines, batch=512)
    found = explain(lstm, samples, baselines, batch=batch)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    np.testing.assert_allclose(found.residuals, expected.residuals, atol=1e-6)


def test_blocks_of_samples_change_nothing(windows: Windows, lstm: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, baselines = windows(5, 1), windows(4, 2)
    expected = explain(lstm, samples, baselines)
    monkeypatch.setattr(attributions, "BLOCK_VALUES", 2 * 4 * 6 * 4)
    np.testing.assert_allclose(explain(lstm, samples, baselines).values, expected.values, atol=1e-7)


def test_a_plain_function_can_be_explained(windows: Windows) -> None:
    def slopes(begins: list, moves: list, positions: np.ndarray, weights: np.ndarray, output: int) -> tuple:
        points = begins[0][:, None] + positions[:, None, None] * moves[0][:, None]
        answers = (points**4).sum(axis=(2, 3))[..., None]
        return answers, [np.einsum("pn...,n->p...", 4 * points**3, weights)]

    samples, baselines = windows(3, 1), windows(5, 2)
    model = gradients.Differentiable(slopes)
    found = attributions.expected_gradients(model, [samples], [baselines], nodes=1)
    np.testing.assert_allclose(found.values[..., 0], samples**4 - (baselines**4).mean(axis=0), atol=1e-4)


def test_nodes_are_added_until_the_residual_is_small_enough(windows: Windows) -> None:
    keras.utils.set_random_seed(5)
    window = keras.Input((6, 4))
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(window))
    model = keras.Model(window, keras.layers.Dense(1)(hidden))
    samples, baselines = windows(4, 1), windows(3, 2)
    coarse = explain(model, samples, baselines, nodes=2)
    target = coarse.relative_residual / 4
    finer = explain(model, samples, baselines, nodes=2, max_nodes=256, target_residual=target)
    assert 2 < finer.nodes < 256
    assert finer.relative_residual <= target
    assert finer.evaluations > coarse.evaluations
    assert explain(model, samples, baselines, nodes=2, max_nodes=3, target_residual=1e-9).nodes == 3


def test_what_is_known_ahead_lies_under_the_window() -> None:
    window, ahead = np.ones((2, 3, 4)), np.full((2, 5, 1), 2.0)
    both = attributions.joined([window, ahead])
    assert both.shape == (2, 8, 4)
    assert both[:, 3:, :3].max() == 0
    assert (both[:, 3:, 3] == 2).all()


@pytest.mark.parametrize(
    ("outputs", "attributed", "expected"),
    [([3.0, 1.0], [2.0, 0.0], 0.5), ([0.0, 0.0], [0.0, 0.0], 0.0), ([0.0, 0.0], [1.0, 0.0], np.inf)],
    ids=["half is missed", "a constant model", "something out of nothing"],
)
def test_the_relative_residual_is_a_ratio_of_sums(
    outputs: list[float], attributed: list[float], expected: float
) -> None:
    values = np.array(attributed).reshape(2, 1, 1, 1)
    found = Attributions(values, base_values=np.zeros(1), outputs=np.array(outputs)[:, None])
    assert found.relative_residual == expected
