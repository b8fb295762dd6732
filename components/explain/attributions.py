"""Expected gradients: how much each (time, feature) of a window moved the forecast away from the typical forecast.

Integrated gradients (Sundararajan, Taly and Yan 2017, https://arxiv.org/abs/1703.01365, equation 1) attribute the
difference ``f(x) - f(b)`` to the inputs by integrating the gradient along the straight line from a baseline ``b`` to
the sample ``x``. Expected gradients (Erion et al. 2021, https://arxiv.org/abs/1906.10670, equation 5) average that over
baselines drawn from the training data:

    phi_i(x) = E_b [ (x_i - b_i) * integral over a in [0, 1] of df/dx_i (b + a (x - b)) ]

so that ``sum_i phi_i(x) = f(x) - E_b f(b)`` (completeness). Erion et al. draw one random ``a`` a baseline. Here each
integral is a Gauss-Lobatto quadrature over all baselines, which leaves a residual hundreds of times smaller for the
same number of gradients, because along the path the gradient is smooth. What a path misses is known exactly, its ends
being known, so a few paths choose the rule, and nodes are spent on the places that need them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.explain import bisection
from components.explain.quadrature import RULES, MakeRule, Rule
from components.shared import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.gradients import Arrays, Differentiable

BLOCK_VALUES = 32 * 2**20
"""Values of paths kept at a time, 128 MiB: bounds memory, whatever the number of samples and baselines."""
WORTH_DOUBLING = 2.5
"""How many times less twice the nodes must miss to be given to all paths. Of kinks it is about 2, of spikes less: they
are found by cutting. A smooth model soon misses next to nothing."""
PILOT = 8
"""Samples, and baselines, whose paths tell which rule, and how many nodes, the rest needs."""


@dataclass(frozen=True)
class Attributions:
    """What each input added to each forecast, in the unit of the model's output.

    ``values`` float64 (samples, rows, features, steps): rows are those of the window, then those ahead of it where the
    model reads features known ahead, the last ones. ``base_values`` float64 (steps,) are the mean outputs over the
    baselines, ``outputs`` float64 (samples, steps) the model's own. ``nodes`` is the finest quadrature used, 0 for a
    method without, and ``evaluations`` how many gradients or forecasts it took.
    """

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]
    outputs: NDArray[np.float64]
    nodes: int = 0
    evaluations: int = 0

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Completeness gaps ``f(x) - E f(b) - sum(phi)``, shape (samples, steps); exact, not estimated."""
        return np.asarray(self.outputs - self.base_values - self.values.sum(axis=(1, 2)))

    @property
    def relative_residual(self) -> float:
        """Share of the explained differences that attributions miss: ``sum|residual| / sum|f(x) - E f(b)|``.

        A ratio of sums rather than a mean of ratios: a sample whose forecast happens to equal the base value would
        otherwise divide by nothing and decide the figure alone. Zero for a model that answers the same everywhere.
        """
        return missed_share(self.residuals, self.outputs - self.base_values)


def missed_share(missed: NDArray[np.float64], explained: NDArray[np.float64]) -> float:
    """``sum|missed| / sum|explained|``, zero for nothing of nothing."""
    above, below = np.abs(missed).sum(), np.abs(explained).sum()
    if above == 0:
        return 0.0
    return float(above / below) if below > 0 else float("inf")


def expected_gradients(
    model: Differentiable,
    samples: Arrays,
    baselines: Arrays,
    *,
    nodes: int = 4,
    max_nodes: int | None = None,
    target_residual: float = 0.0,
) -> Attributions:
    """Attribute every output for each sample to its inputs, against all baselines.

    A few paths tell which of :data:`components.explain.quadrature.RULES` misses least. With ``max_nodes``, they also
    tell how many nodes reach ``target_residual``, or that no number does so in reasonable time; afterwards paths are
    cut where they miss much, see :mod:`components.explain.bisection`, until it is reached or all of those have had
    ``max_nodes``. A smooth model stops at once; one whose gradient jumps or has spikes needs the cuts.

    Args:
        model: outputs and slopes, see :mod:`components.explain.gradients`.
        samples: what to explain, one array an input, each (samples, rows, features).
        baselines: the background, in the same shapes.
        nodes: inner nodes a path to begin with, at least one.
        max_nodes: most nodes of a path, whole and cut; ``nodes`` where it is left out.
        target_residual: share of the explained differences that may be missed, see
            :attr:`Attributions.relative_residual`.
    """
    ends, starts = (_points(model, at, nodes, 0) for at in (samples, baselines))
    outputs, from_outputs = ends[0], starts[0]
    values = np.zeros((len(outputs), *joined_shape(samples), outputs.shape[1]))
    finest, evaluations = nodes, 0
    for step in range(outputs.shape[1]):
        if step > 0:
            ends, starts = (_points(model, at, nodes, step) for at in (samples, baselines))
        gains = outputs[:, step, None] - from_outputs[None, :, step]
        paths = _Paths(model, samples, baselines, ends[1], starts[1], gains, step)
        rule, enough, spent = paths.pilot(nodes, max_nodes or nodes, target_residual)
        evaluations += spent
        for first, last in paths.blocks():
            found, used, spent = paths.explain(first, last, rule, enough, max_nodes or nodes, target_residual)
            values[first:last, ..., step] = joined(found)
            finest, evaluations = max(finest, used), evaluations + spent
            progress.report("explained sample", step * len(outputs) + last, outputs.size, nodes=used)
    return Attributions(values, from_outputs.mean(axis=0), outputs, finest, evaluations)


@dataclass(frozen=True)
class _Paths:
    """All straight lines from baselines to samples, for one output of the model.

    ``gains`` (samples, baselines) are the differences of that output between their ends, ``at_samples`` and
    ``at_baselines`` its gradients there.
    """

    model: Differentiable
    samples: Arrays
    baselines: Arrays
    at_samples: Arrays
    at_baselines: Arrays
    gains: NDArray[np.float64]
    step: int

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Samples whose paths are held in memory together, as [first, last)."""
        size = sum(int(np.prod(array.shape[1:])) for array in self.samples) * self.gains.shape[1]
        block = max(1, BLOCK_VALUES // size)
        for first in range(0, len(self.gains), block):
            yield first, min(first + block, len(self.gains))

    def pilot(self, nodes: int, max_nodes: int, target: float) -> tuple[MakeRule, int, int]:
        """Which rule a few paths need, how many nodes from ``nodes`` to ``max_nodes``, and the gradients that took."""
        sample, baseline = (
            np.linspace(0, count - 1, min(count, PILOT)).round().astype(np.intp) for count in self.gains.shape
        )
        ends, starts = (axis.ravel() for axis in np.meshgrid(sample, baseline, indexing="ij"))
        gains, spent, tried, best = self.gains[np.ix_(sample, baseline)], 0, nodes, []
        while True:
            shares = []
            for rule in RULES:
                missed = gains - _totals(self._integrate(ends, starts, rule(tried))).reshape(gains.shape)
                shares.append(missed_share(missed.mean(axis=1), gains.mean(axis=1)))
            spent += len(RULES) * tried * gains.size
            best.append((min(shares), RULES[int(np.argmin(shares))], tried))
            if min(shares) <= target or tried == max_nodes:
                return *best[-1][1:], spent
            if len(best) > 2 and WORTH_DOUBLING * min(shares) > best[-3][0]:
                return *best[0][1:], spent
            # 3, 4, 6, 8, 12, 16, ...: half a doubling at a time.
            tried = min(tried + (tried + 1) // 2 if tried.bit_count() == 1 else tried * 4 // 3, max_nodes)

    def explain(
        self, first: int, last: int, rule: MakeRule, nodes: int, max_nodes: int, target: float
    ) -> tuple[list[NDArray[np.float64]], int, int]:
        """Attributions of a block of samples, one array an input, with the most nodes a path took and all gradients."""
        sample, baseline = (grid.ravel() for grid in np.mgrid[first:last, : self.gains.shape[1]])
        parts = self._integrate(sample, baseline, rule(nodes))
        gains, shape = self.gains[first:last], (last - first, -1)
        explained = gains.mean(axis=1)
        counts, missed = np.full(len(sample), nodes), gains.ravel() - _totals(parts)
        spent = nodes * len(sample) + bisection.refine(
            parts,
            missed,
            lambda *where: self._pieces(sample, baseline, *where),
            allowed=target * float(np.abs(explained).sum()) * gains.shape[1],
            counts=counts,
            max_nodes=max_nodes,
            enough=lambda left: missed_share(left.reshape(shape).mean(axis=1), explained) <= target,
        )
        # Averaged in float64: thousands of float32 parts would otherwise leave a residual of their own.
        means = [part.reshape(*shape, *part.shape[1:]).mean(axis=1, dtype=np.float64) for part in parts]
        return means, int(counts.max()), spent

    def _integrate(self, sample: NDArray[np.intp], baseline: NDArray[np.intp], rule: Rule) -> list[NDArray[np.float32]]:
        """Attributions of paths, one array an input, each (paths, rows, features)."""
        nodes = len(rule.positions)
        parts = [np.empty((len(sample), *array.shape[1:]), dtype=np.float32) for array in self.samples]
        for rows, kept in _chunks(len(sample), self.model.segments(nodes), fixed=self.model.fixed):
            ends, starts = sample[rows], baseline[rows]
            begins = [array[starts] for array in self.baselines]
            moves = [array[ends] - begin for array, begin in zip(self.samples, begins, strict=True)]
            _, slopes = self.model.slopes(begins, moves, rule.positions, rule.weights, self.step)
            for place, (slope, move) in enumerate(zip(slopes, moves, strict=True)):
                at_ends = self.at_samples[place][ends] + self.at_baselines[place][starts]
                parts[place][rows[:kept]] = ((slope + rule.end * at_ends) * move)[:kept]
        return parts

    def _pieces(
        self,
        sample: NDArray[np.intp],
        baseline: NDArray[np.intp],
        path: NDArray[np.intp],
        begin: NDArray[np.float64],
        end: NDArray[np.float64],
    ) -> bisection.Pieces:
        """Pieces of paths, whose samples and baselines are at the rows that ``path`` names."""
        rule, gains = bisection.PIECE, np.empty(len(path))
        parts = [np.empty((len(path), *array.shape[1:]), dtype=np.float32) for array in self.samples]
        for rows, kept in _chunks(len(path), self.model.segments(len(rule.positions)), fixed=self.model.fixed):
            ends, starts = sample[path[rows]], baseline[path[rows]]
            at, length = (part[rows, None, None].astype(np.float32) for part in (begin, end - begin))
            whole = [given[ends] - base[starts] for given, base in zip(self.samples, self.baselines, strict=True)]
            begins = [base[starts] + at * move for base, move in zip(self.baselines, whole, strict=True)]
            moves = [length * move for move in whole]
            outputs, slopes = self.model.slopes(begins, moves, rule.positions, rule.weights, self.step)
            gains[rows[:kept]] = np.subtract(outputs[:, -1, self.step], outputs[:, 0, self.step], dtype=float)[:kept]
            for part, slope, move in zip(parts, slopes, moves, strict=True):
                part[rows[:kept]] = (slope * move)[:kept]
        return bisection.Pieces(path, begin, end, gains - _totals(parts), parts)


def joined_shape(inputs: Sequence[NDArray[Any]]) -> tuple[int, int]:
    """Rows and features of :func:`joined`."""
    return sum(array.shape[1] for array in inputs), inputs[0].shape[2]


def joined(parts: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Lay what belongs to the window, and to the rows ahead, under each other: (n, rows, features).

    Features known ahead are the last ones; the others have no part in the rows ahead.
    """
    out = np.zeros((len(parts[0]), *joined_shape(parts)))
    row = 0
    for part in parts:
        out[:, row : row + part.shape[1], out.shape[2] - part.shape[2] :] = part
        row += part.shape[1]
    return out


def _totals(parts: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    return np.asarray(np.sum([part.sum(axis=(1, 2), dtype=np.float64) for part in parts], axis=0))


def _chunks(count: int, size: int, *, fixed: bool) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Row numbers in chunks, and how many of them count; the last chunk is filled up with the last row if ``fixed``."""
    for first in range(0, count, size):
        kept = min(size, count - first)
        yield np.minimum(np.arange(first, first + (size if fixed else kept)), count - 1), kept


def _points(model: Differentiable, points: Arrays, nodes: int, step: int) -> tuple[NDArray[np.float64], Arrays]:
    """Outputs (n, outputs) and gradients of one of them at points, which are segments that lead nowhere."""
    here, once = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    count = len(points[0])
    outputs: list[NDArray[np.float32]] = []
    gradients = [np.empty_like(array) for array in points]
    for rows, kept in _chunks(count, model.segments(nodes) * nodes, fixed=model.fixed):
        at = [array[rows] for array in points]
        answers, slopes = model.slopes(at, [np.zeros_like(array) for array in at], here, once, step)
        outputs.append(answers[:kept, 0])
        for gradient, slope in zip(gradients, slopes, strict=True):
            gradient[rows[:kept]] = slope[:kept]
    return np.concatenate(outputs).astype(np.float64), gradients
