"""The rows a model is scored on: the forecast origins of the test split and what came true for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from components.shared.artifacts import Prepared
from components.shared.errors import ArtifactError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINIMUM_WINDOWS = 2
"""R² and a plot need two points."""


@dataclass(frozen=True)
class Holdout:
    """Test windows in time order; every array is of shape (windows,), values in the target's own units.

    ``starts`` first row of each window, ``rows`` its origin ``t``, ``origin_values`` the target at ``t``, ``truth``
    the target at ``t + horizon``, ``origin_times`` and ``truth_times`` the dates of both (datetime64[us]).
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    origin_values: NDArray[np.float64]
    truth: NDArray[np.float64]
    origin_times: NDArray[np.datetime64]
    truth_times: NDArray[np.datetime64]

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Gather the ``test`` split of a prepared artifact.

        Raises:
            InputError: the split has fewer than two windows.
            ArtifactError: a target that should be known is not a finite number.
        """
        starts = np.asarray(prepared.starts("test"))
        if len(starts) < MINIMUM_WINDOWS:
            raise InputError(
                f"the test split of {prepared.path} has {len(starts)} forecast windows, expected at least "
                f"{MINIMUM_WINDOWS}: give preprocess more rows, a larger test share, or a shorter horizon"
            )
        rows = prepared.origins(starts)
        ahead = rows + prepared.preprocessing.horizon
        holdout = cls(
            starts=starts,
            rows=rows,
            origin_values=np.asarray(prepared.targets[rows]),
            truth=np.asarray(prepared.targets[ahead]),
            origin_times=np.asarray(prepared.times[rows]),
            truth_times=np.asarray(prepared.times[ahead]),
        )
        unknown = ~(np.isfinite(holdout.origin_values) & np.isfinite(holdout.truth))
        if unknown.any():
            raise ArtifactError(
                f"{prepared.path}: {unknown.sum()} of {len(starts)} test windows have no known target at their "
                f"origin or at the horizon, the first on {str(holdout.origin_times[unknown][0])[:10]}"
            )
        return holdout
