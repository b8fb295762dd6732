"""Gauss-Lobatto quadrature: like Gauss-Legendre, but with both ends of the interval among its nodes.

Between many baselines and many samples the ends are shared: the gradient at a sample serves all paths to it, the
gradient at a baseline all paths from it. So a path pays for its inner nodes alone, and ``n`` of them integrate
polynomials of degree ``2 n + 1``, two more than ``n`` nodes of Gauss-Legendre (Abramowitz and Stegun 1964, 25.4.32).

A network that normalises its window, or its tokens, does not see a straight line. Between two windows of equal spread
that have nothing to do with each other, the spread at ``a`` is ``sqrt((1 - a)**2 + a**2)`` of theirs: the normalised
window turns from one to the other by the angle ``t = atan(a / (1 - a))``, and fastest halfway. What is smooth in the
angle has poles near the middle of the line, at ``(1 +- i) / 2``, where polynomials in ``a`` follow it badly; hence
:func:`turning`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
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

    def closed(self) -> Rule:
        """The same rule with both ends among its nodes."""
        ends = np.full(1, self.end, dtype=np.float32)
        positions = np.concatenate([np.zeros(1), self.positions, np.ones(1)]).astype(np.float32)
        return Rule(positions, np.concatenate([ends, self.weights, ends]), 0.0)


MakeRule = Callable[[int], Rule]
"""A rule by its number of inner nodes."""
MOST_POLES = 8
"""Largest power of the poles that :func:`turning` takes out: more of it helps no further."""


@cache
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


@cache
def turning(nodes: int) -> Rule:
    """Make the rule for what turns along the way: ``nodes`` inner nodes, at least one, closer together in the middle.

    With ``q(a) = 1 - 2 a + 2 a**2`` and ``m = min(nodes, 8)`` it is exact for polynomials of degree ``2 nodes + 1``
    divided by ``q**m``. Constants and straight lines are among them, so that a linear model's attributions stay exact,
    and so is ``h(t) dt/da`` for every ``h`` of the angle that is a polynomial of degree ``m - 1`` in ``cos 2t`` and
    ``sin 2t``. It is a Gauss rule for rational functions (Gautschi 1993,
    https://arxiv.org/abs/math/9307223, section 1): the Gauss-Lobatto rule for the weight ``1 / q**m``, each of whose
    weights is multiplied by ``q**m`` at its node.

    Example:
        >>> [round(float(at), 3) for at in turning(3).positions]  # lobatto(3) has 0.173, 0.5 and 0.827
        [0.217, 0.5, 0.783]
    """
    # On [-1, 1], where all is even: q is (1 + s**2) / 2 there, and only recurrences beside the diagonal are left.
    fine, widths = np.polynomial.legendre.leggauss(4 * nodes + 64)
    poles = min(nodes, MOST_POLES)
    # Inner nodes of a Lobatto rule are those of the Gauss rule for the weight that vanishes at both ends.
    weight = widths * (1 - fine**2) / (1 + fine**2) ** poles
    beside = _recurrence(fine, weight, nodes)
    roots, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    inner = weight.sum() * vectors[0] ** 2 * (1 + roots**2) ** poles / (1 - roots**2) / 2
    return Rule(((roots + 1) / 2).astype(np.float32), inner.astype(np.float32), float(1 - inner.sum()) / 2)


RULES: tuple[MakeRule, ...] = (lobatto, turning)
"""Rules by number of inner nodes, of which a few paths tell the better."""


def _recurrence(points: NDArray[np.float64], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Coefficients (count - 1,) of polynomials orthonormal under an even weight: the Stieltjes procedure.

    It is the recurrence that Golub and Welsch's matrix holds beside its diagonal (Gautschi 2004, section 2.2.3.1).
    """
    before, now = np.zeros_like(points), np.full_like(points, weights.sum() ** -0.5)
    beside = np.zeros(count)
    for degree in range(count - 1):
        after = points * now - beside[degree - 1] * before
        beside[degree] = np.sqrt(weights @ after**2)
        before, now = now, after / beside[degree]
    return beside[: count - 1]
