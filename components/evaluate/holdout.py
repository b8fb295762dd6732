"""The rows a model is scored on: the forecast origins of the test split and what came true for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
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

    The windows of a panel are in the order of its entities, and in time order within each; ``entities`` names them,
    and ``entity`` says which of them each window is of. Both are empty for one series.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    origin_values: NDArray[np.float64]
    truth: NDArray[np.float64]
    origin_times: NDArray[np.datetime64]
    truth_times: NDArray[np.datetime64]
    entities: tuple[str, ...] = ()
    entity: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

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
        entities = prepared.preprocessing.entities
        holdout = cls(
            starts=starts,
            rows=rows,
            origin_values=np.asarray(prepared.targets[rows]),
            truth=np.asarray(prepared.targets[ahead]),
            origin_times=np.asarray(prepared.times[rows]),
            truth_times=np.asarray(prepared.times[ahead]),
            entities=tuple(entity.name for entity in entities),
            entity=prepared.entity_of(rows) if entities else np.empty(0, dtype=np.int64),
        )
        unknown = ~(np.isfinite(holdout.origin_values) & np.isfinite(holdout.truth))
        if unknown.any():
            raise ArtifactError(
                f"{prepared.path}: {unknown.sum()} of {len(starts)} test windows have no known target at their "
                f"origin or at the horizon, the first on {str(holdout.origin_times[unknown][0])[:10]}"
            )
        return holdout

    @cached_property
    def day(self) -> NDArray[np.int64]:
        """Which of the distinct origin times each window is made at, in ascending order, (windows,)."""
        return np.asarray(np.unique(self.origin_times, return_inverse=True)[1])

    def daily(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the windows made at the same time, (times,) in time order; of one series the values themselves.

        What happens on a day happens to all entities: a test or a bootstrap that takes them apart counts one event
        many times over.
        """
        if not self.entities:
            return values
        return np.asarray(np.bincount(self.day, values) / np.bincount(self.day))

    @property
    def truth_days(self) -> NDArray[np.datetime64]:
        """The first time that forecasts of each origin time are about, (times,)."""
        if not self.entities:
            return self.truth_times
        first = np.full(int(self.day.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, self.day, self.truth_times.astype(np.int64))
        return first.astype(self.truth_times.dtype)

    def of_entity(self, position: int) -> NDArray[np.bool_]:
        """Which windows are of one entity, (windows,)."""
        return np.asarray(self.entity == position)
