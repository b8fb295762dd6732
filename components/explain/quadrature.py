"""Gauss-Lobatto quadrature: like Gauss-Legendre, but with both ends of the interval among its nodes.

Between many baselines and many samples the ends are shared: the gradient at a sample serves all paths to it, the
gradient at a baseline all paths from it. So a path pays for its inner nodes alone, and ``n`` of them integrate
polynomials of degree ``2 n + 1``, two more than ``n`` nodes of Gauss-Legendre (Abramowitz and Stegun 1964, 25.4.32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rule:
    """A quadrature rule on [0, 1]: inner nodes, (n,) float32, their weights, and the weight of each end.

    All weights together are one.
    """

    positions: NDArray[np.float32]
    weights: NDArray[np.float32]
    end: float


def lobatto(nodes: int) -> Rule:
    """Make the rule with ``nodes`` inner nodes, at least one.

    The inner nodes are the roots of the derivative of the Legendre polynomial of degree ``nodes + 1``, which are the
    eigenvalues of a symmetric tridiagonal matrix (Golub and Welsch 1969): roots of the polynomial itself lose digits.

    Example:
        >>> rule = lobatto(1)  # Simpson's
        >>> [float(rule.positions[0]), round(float(rule.weights[0]), 4), round(rule.end, 4)]
        [0.5, 0.6667, 0.1667]
    """
    degree = nodes + 1
    inner = np.arange(1, nodes, dtype=np.float64)
    beside = np.sqrt(inner * (inner + 2) / ((2 * inner + 1) * (2 * inner + 3)))
    roots = np.linalg.eigvalsh(np.diag(beside, 1) + np.diag(beside, -1))
    legendre = np.polynomial.legendre.Legendre.basis(degree)(roots)
    weights = 1 / (degree * (degree + 1) * legendre**2)
    return Rule(((roots + 1) / 2).astype(np.float32), weights.astype(np.float32), 1 / (degree * (degree + 1)))
