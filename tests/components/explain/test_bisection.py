from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from components.explain import attributions, bisection
from components.explain.gradients import Differentiable

Windows = Callable[[int, int], np.ndarray]
WIDTH = 5e-4


def along(height: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray]) -> Differentiable:
    """A model of the first feature of the first row alone: ``height`` of it, with its derivative."""

    def slopes(begins: list, moves: list, positions: np.ndarray, weights: np.ndarray, output: int) -> tuple:
        at = begins[0][:, None, 0, 0] + positions * moves[0][:, None, 0, 0]
        gradient = np.zeros_like(begins[0])
        gradient[:, 0, 0] = slope(at) @ weights
        return height(at)[..., None], [gradient]

    return Differentiable(slopes)


SHAPES = {
    "a spike": along(lambda at: np.tanh(at / WIDTH), lambda at: (1 - np.tanh(at / WIDTH) ** 2) / WIDTH),
    "a kink": along(lambda at: np.abs(at - 0.1), lambda at: np.sign(at - 0.1)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_narrow_is_found_by_cutting(shape: str, windows: Windows) -> None:
    samples, baselines = windows(6, 1), windows(5, 2)
    samples[:, 0, 0], baselines[:, 0, 0] = np.linspace(0.3, 1, 6), np.linspace(-1, -0.3, 5)
    options = {"nodes": 3, "max_nodes": 384, "target_residual": 1e-3}
    found = attributions.expected_gradients(SHAPES[shape], [samples], [baselines], **options)
    assert found.relative_residual <= 1e-3
    height = found.outputs[:, 0] - found.base_values[0]
    np.testing.assert_allclose(found.values[:, 0, 0, 0], height, rtol=2e-3, atol=1e-3)
    assert np.abs(found.values[:, 1:]).max() == 0
    # Whole paths would need some 1 / WIDTH nodes each.
    assert found.evaluations < 250 * found.values.shape[0] * 5


def test_a_path_has_no_more_nodes_than_it_may(windows: Windows) -> None:
    samples, baselines = windows(4, 1), windows(5, 2)
    samples[:, 0, 0], baselines[:, 0, 0] = 1.0, -0.9
    spike = SHAPES["a spike"]
    few = attributions.expected_gradients(spike, [samples], [baselines], nodes=3, max_nodes=40, target_residual=1e-6)
    more = attributions.expected_gradients(spike, [samples], [baselines], nodes=3, max_nodes=400, target_residual=1e-6)
    assert few.nodes <= 40 < more.nodes <= 400
    assert few.relative_residual > 10 * more.relative_residual


def test_a_jump_that_no_gradient_shows_ends_the_search(windows: Windows) -> None:
    """A step's gradient is zero everywhere: cutting ends at the shortest piece, and the residual says the rest."""
    samples, baselines = windows(2, 1), windows(3, 2)
    samples[:, 0, 0], baselines[:, 0, 0] = 1.0, -0.9
    step = along(lambda at: (at > 0).astype(np.float64), np.zeros_like)
    found = attributions.expected_gradients(step, [samples], [baselines], max_nodes=4096, target_residual=1e-3)
    assert found.relative_residual == 1
    assert found.nodes < 300


def test_pieces_that_miss_next_to_nothing_are_forgotten() -> None:
    missed = np.array([0.5, -1e-4, 3e-4, -0.2, 0.1])
    pieces = bisection.Pieces(np.arange(5), np.zeros(5), np.array([1, 1, 1, 1, 1e-7]), missed, [np.ones((5, 2, 2))])
    left, closing = bisection._open(pieces, 5e-4, np.array([True, True, True, True, True]))
    np.testing.assert_array_equal(left.path, [0, 3])
    assert closing == pytest.approx(1e-4)
    left, _ = bisection._open(pieces, 0.0, np.array([False, True, True, True, True]))
    np.testing.assert_array_equal(left.path, [1, 2, 3])


def test_the_worst_are_the_fewest_that_hold_a_share() -> None:
    sizes = np.array([0.0, 5.0, 0.1, 4.5, 0.2])
    np.testing.assert_array_equal(bisection.worst(sizes, 0.9), [1, 3])
    np.testing.assert_array_equal(bisection.worst(np.zeros(3), 0.9), [0])
