"""Expected gradients: how much each (time, feature) of a window moved the forecast away from the typical forecast.

Integrated gradients (Sundararajan, Taly and Yan 2017, https://arxiv.org/abs/1703.01365, equation 1) attribute the
difference ``f(x) - f(b)`` to the inputs by integrating the gradient along the straight line from a baseline ``b`` to
the sample ``x``. Expected gradients (Erion et al. 2021, https://arxiv.org/abs/1906.10670, equation 5) average that over
baselines drawn from the training data:

    phi_i(x) = E_b [ (x_i - b_i) * integral over a in [0, 1] of df/dx_i (b + a (x - b)) ]

so that ``sum_i phi_i(x) = f(x) - E_b f(b)`` (completeness). Erion et al. draw one random ``a`` a baseline. Here each
integral is a Gauss-Legendre quadrature over all baselines, which leaves a residual thousands of times smaller for the
same number of gradients, because along the path the gradient is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.shared import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.gradients import Gradient


@dataclass(frozen=True)
class Attributions:
    """What each input added to each forecast, in the unit of the model's output.

    ``values`` float64 (samples, lookback, features), ``base_value`` the mean output over the baselines, ``outputs``
    float64 (samples,) the model's output for each sample, ``nodes`` the quadrature nodes that were used.
    """

    values: NDArray[np.float64]
    base_value: float
    outputs: NDArray[np.float64]
    nodes: int

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Completeness gap of each sample, ``f(x) - E f(b) - sum(phi)``, shape (samples,); exact, not estimated."""
        return np.asarray(self.outputs - self.base_value - self.values.sum(axis=(1, 2)))

    @property
    def relative_residual(self) -> float:
        """Share of the explained differences that attributions miss: ``sum|residual| / sum|f(x) - E f(b)|``.

        A ratio of sums rather than a mean of ratios: a sample whose forecast happens to equal the base value would
        otherwise divide by nothing and decide the figure alone. Zero for a model that answers the same everywhere.
        """
        missed, explained = np.abs(self.residuals).sum(), np.abs(self.outputs - self.base_value).sum()
        if missed == 0:
            return 0.0
        return float(missed / explained) if explained > 0 else float("inf")


def refined(
    gradient: Gradient,
    samples: NDArray[np.float32],
    baselines: NDArray[np.float32],
    *,
    nodes: int,
    max_nodes: int,
    target_residual: float,
    batch: int = 512,
) -> Attributions:
    """Expected gradients with as few nodes as reach ``target_residual``: begin with ``nodes`` and double.

    Smooth models stop at once. A ReLU network's gradient jumps along the path, so there the residual only halves with
    each doubling. Stops at ``max_nodes`` whatever the residual is then; see :func:`expected_gradients` for the rest.
    """
    while True:
        found = expected_gradients(gradient, samples, baselines, nodes=nodes, batch=batch)
        if found.relative_residual <= target_residual or nodes >= max_nodes:
            return found
        nodes = min(2 * nodes, max_nodes)


def expected_gradients(
    gradient: Gradient,
    samples: NDArray[np.float32],
    baselines: NDArray[np.float32],
    *,
    nodes: int = 8,
    batch: int = 512,
) -> Attributions:
    """Attribute the output for each sample to its inputs, against all baselines.

    Args:
        gradient: output and gradient of the model, see :mod:`components.explain.gradients`.
        samples: windows to explain, (samples, lookback, features).
        baselines: windows of the background, (baselines, lookback, features).
        nodes: Gauss-Legendre nodes a path; exact where the gradient is a polynomial of degree below ``2 * nodes``.
        batch: points a model call; memory is bounded by it, not by ``samples * baselines * nodes``.
    """
    values = np.zeros(samples.shape, dtype=np.float64)
    positions, weights = unit_interval_quadrature(nodes)
    grid = (len(samples), len(baselines), nodes)
    points = int(np.prod(grid))
    for first in range(0, points, batch):
        last = min(first + batch, points)
        sample, baseline, node = np.unravel_index(np.arange(first, last), grid)
        parts = samples[sample] - baselines[baseline]
        slopes = gradient(baselines[baseline] + positions[node, None, None] * parts)[1]
        parts *= slopes
        parts *= weights[node, None, None] / len(baselines)
        _add_by_sample(values, sample, parts)
        progress.report("explained sample", last // (len(baselines) * nodes), len(samples), nodes=nodes)
    base_value = float(_outputs(gradient, baselines, batch).mean())
    return Attributions(values, base_value, _outputs(gradient, samples, batch), nodes)


def unit_interval_quadrature(nodes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Positions and weights of Gauss-Legendre quadrature on [0, 1]; the weights sum to one."""
    positions, weights = np.polynomial.legendre.leggauss(nodes)
    return ((positions + 1) / 2).astype(np.float32), (weights / 2).astype(np.float32)


def _add_by_sample(values: NDArray[np.float64], sample: NDArray[np.intp], parts: NDArray[np.float32]) -> None:
    """Add ``parts`` (points, lookback, features) to the rows of ``values`` that the ascending ``sample`` names."""
    owners, starts = np.unique(sample, return_index=True)
    # Summed in float64: thousands of float32 parts would otherwise leave a residual of their own.
    values[owners] += np.add.reduceat(parts, starts, axis=0, dtype=np.float64)


def _outputs(gradient: Gradient, windows: NDArray[np.float32], batch: int) -> NDArray[np.float64]:
    """Output of each window, shape (n,), by the same compiled function that the gradients come from."""
    parts = [gradient(windows[first : first + batch])[0] for first in range(0, len(windows), batch)]
    return np.concatenate(parts).astype(np.float64)
