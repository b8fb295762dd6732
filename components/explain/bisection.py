"""Cut paths in halves where a quadrature misses much, until it does not.

A net that normalises its window sees it jump where the window hardly moves: the gradient has spikes there, a hundredth
of a path wide, of which nodes spread over the whole path catch little. What a piece of a path misses is known exactly,
because the outputs at both its ends are. So only pieces that miss much are cut, and a spike is found in as many rounds
as its width has halvings (adaptive quadrature, Gander and Gautschi 2000, https://doi.org/10.1023/A:1022318402393; their
error is an estimate, here it is the error). A kink, as of ReLU, is cornered in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.explain.quadrature import lobatto

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = lobatto(4).closed()
"""Rule of a piece: six nodes, which fill calls of a compiled model, see ``COMPILED_BATCH`` of the gradients."""
WORST_SHARE = 0.5
"""Share of what all open pieces miss that a round cuts. With more, rounds are fewer, but cut what need not be cut."""
CLOSED_SHARE = 0.25
"""Share of what may be missed in the end that is left to pieces that are never looked at again."""
SHORTEST = 2.0**-20
"""Length of a piece, of a path of length 1, below which float32 does not tell its nodes apart."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of paths, ``n`` of them: the path's row, where on it they begin and end, 0 to 1, and what they miss.

    ``parts`` are their attributions, one array an input, each (n, rows, features).
    """

    path: NDArray[np.intp]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    missed: NDArray[np.float64]
    parts: Sequence[NDArray[np.float32]]

    def take(self, rows: NDArray[np.intp]) -> Pieces:
        """Some of them."""
        return Pieces(
            self.path[rows], self.begin[rows], self.end[rows], self.missed[rows], [part[rows] for part in self.parts]
        )

    def halves(self) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """Path, begin and end of the first halves, then of the second ones."""
        middle = (self.begin + self.end) / 2
        return np.tile(self.path, 2), np.concatenate([self.begin, middle]), np.concatenate([middle, self.end])


Integrate = Callable[["NDArray[np.intp]", "NDArray[np.float64]", "NDArray[np.float64]"], Pieces]
"""Pieces from the rows of their paths, and where on them they begin and end."""


def refine(
    parts: Sequence[NDArray[np.float32]],
    missed: NDArray[np.float64],
    integrate: Integrate,
    *,
    allowed: float,
    counts: NDArray[np.int64],
    max_nodes: int,
    enough: Callable[[NDArray[np.float64]], bool],
) -> int:
    """Improve attributions of paths in place, and give the number of gradients that took.

    Args:
        parts: attributions of whole paths, one array an input, each (paths, rows, features).
        missed: what they miss, (paths,).
        integrate: attributions of pieces, by the rule :data:`PIECE`.
        allowed: sum of ``abs(missed)`` over all paths that is sure to be little enough.
        counts: nodes spent on each path, (paths,); counted on.
        max_nodes: most nodes of a path, those of pieces that were cut again among them.
        enough: whether so little is missed, (paths,), that no more need be done.
    """
    everything = np.arange(len(missed))
    ends = np.zeros(len(missed)), np.ones(len(missed))
    # Whole paths, not yet copied: what is opened is, before anything changes.
    pieces = Pieces(everything, *ends, missed, parts)
    spent, closing = 0, CLOSED_SHARE * allowed
    while not enough(missed):
        pieces, closing = _open(pieces, closing, counts[pieces.path] + 2 * len(PIECE.positions) <= max_nodes)
        if not len(pieces.path):
            break
        chosen = worst(np.abs(pieces.missed), WORST_SHARE)
        cut = pieces.take(chosen)
        halves = integrate(*cut.halves())
        for whole, old, new in zip(parts, cut.parts, halves.parts, strict=True):
            np.subtract.at(whole, cut.path, old)
            np.add.at(whole, halves.path, new)
        np.subtract.at(missed, cut.path, cut.missed)
        np.add.at(missed, halves.path, halves.missed)
        np.add.at(counts, halves.path, len(PIECE.positions))
        spent += len(halves.path) * len(PIECE.positions)
        kept = pieces.take(np.setdiff1d(np.arange(len(pieces.path)), chosen))
        pieces = _joined(kept, halves)
    return spent


def worst(sizes: NDArray[np.float64], share: float) -> NDArray[np.intp]:
    """Fewest rows of ``sizes`` (n,) that together hold ``share`` of their sum; at least one."""
    order = np.argsort(-sizes, kind="stable")
    held = np.cumsum(sizes[order])
    return np.sort(order[: int(np.searchsorted(held, share * held[-1])) + 1])


def _open(pieces: Pieces, closing: float, may_be_cut: NDArray[np.bool_]) -> tuple[Pieces, float]:
    """The pieces that are still worth a look, and what the next ones that are not may miss together.

    Forgetting the others keeps memory in bounds: a path has many pieces, and few of them miss anything.
    """
    order = np.argsort(np.abs(pieces.missed), kind="stable")
    held = np.cumsum(np.abs(pieces.missed)[order])
    closed = int(np.searchsorted(held, closing, side="right"))
    left = np.zeros(len(order), dtype=bool)
    left[order[closed:]] = True
    left &= may_be_cut & (pieces.end - pieces.begin > SHORTEST)
    return pieces.take(np.flatnonzero(left)), closing - float(held[closed - 1] if closed else 0.0)


def _joined(first: Pieces, second: Pieces) -> Pieces:
    def both(one: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([one, other])

    return Pieces(
        both(first.path, second.path),
        both(first.begin, second.begin),
        both(first.end, second.end),
        both(first.missed, second.missed),
        [both(one, other) for one, other in zip(first.parts, second.parts, strict=True)],
    )
