from __future__ import annotations

import numpy as np
import pytest

from components.explain.quadrature import lobatto


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


def test_weights_are_positive_and_nodes_ascend_inside() -> None:
    rule = lobatto(64)
    assert (rule.weights > 0).all()
    assert (np.diff(rule.positions) > 0).all()
    assert 0 < rule.positions[0] < rule.positions[-1] < 1
