from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from components.explain.quadrature import MOST_POLES, RULES, MakeRule, lobatto, turning


@pytest.mark.parametrize("nodes", [1, 2, 3, 8, 24])
def test_it_integrates_every_polynomial_it_should_and_the_next_one_not(nodes: int) -> None:
    rule = lobatto(nodes)
    positions, weights = rule.positions.astype(np.float64), rule.weights.astype(np.float64)
    for degree in (0, 1, 2 * nodes, 2 * nodes + 1):
        at_ends = rule.end * (1 + (degree == 0))
        assert weights @ positions**degree + at_ends == pytest.approx(1 / (degree + 1), abs=2e-7), degree
    if nodes <= 3:  # beyond that the next degree is right to within float32
        missed = weights @ positions ** (2 * nodes + 2) + rule.end - 1 / (2 * nodes + 3)
        assert abs(missed) > 1e-6


@pytest.mark.parametrize("make", RULES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("nodes", [1, 3, 64, 1024])
def test_weights_are_positive_and_nodes_ascend_inside(make: MakeRule, nodes: int) -> None:
    rule = make(nodes)
    assert (rule.weights > 0).all()
    assert rule.end > 0
    assert (np.diff(rule.positions) > 0).all()
    assert 0 < rule.positions[0] <= rule.positions[-1] < 1
    assert rule.weights.sum(dtype=np.float64) + 2 * rule.end == pytest.approx(1, abs=1e-6)


def integral(make: MakeRule, nodes: int, of: Callable[[np.ndarray], np.ndarray]) -> float:
    rule = make(nodes)
    at = np.concatenate([[0.0], rule.positions.astype(np.float64), [1.0]])
    return float(np.concatenate([[rule.end], rule.weights, [rule.end]]) @ of(at))


@pytest.mark.parametrize("nodes", [1, 2, 3, 8, 24])
def test_what_turns_is_integrated_over_its_poles(nodes: int) -> None:
    poles = min(nodes, MOST_POLES)
    points, weights = np.polynomial.legendre.leggauss(200)
    fine = (points + 1) / 2
    for degree in (0, 1, 2 * poles, 2 * nodes + 1):

        def rational(a: np.ndarray, degree: int = degree) -> np.ndarray:
            return a**degree / (1 - 2 * a + 2 * a**2) ** poles

        assert integral(turning, nodes, rational) == pytest.approx(rational(fine) @ weights / 2, abs=3e-6), degree


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_wave_of_the_angle_is_integrated_as_often_as_it_turns(turns: int) -> None:
    def wave(a: np.ndarray) -> np.ndarray:
        angle = np.arctan2(a, 1 - a)
        return np.cos(2 * turns * angle + 0.3) / (1 - 2 * a + 2 * a**2)  # d angle / d a

    ends = (np.sin(turns * np.pi + 0.3) - np.sin(0.3)) / (2 * turns) if turns else np.cos(0.3) * np.pi / 2
    assert integral(turning, turns + 1, wave) == pytest.approx(ends, abs=1e-6)
    assert abs(integral(lobatto, turns + 1, wave) - ends) > 1e-2
