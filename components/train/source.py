"""Where windows come from: one contiguous array, and the rows where each split's windows start.

Nothing is materialised. On the host a batch is one gather of blocks; on an accelerator the array lies on the device
and only the starts, four bytes a window, are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from components.train import losses
from components.train.models.kind import WindowShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import Prepared

Inputs = dict[str, Any]


@dataclass(frozen=True)
class WindowSource:
    """Arrays to gather from.

    Attributes:
        features: float32 (rows, features), C-contiguous; may be memory-mapped.
        labels: float32 (rows,), the label of the window whose origin is that row; unused when channels are continued.
        starts: first rows of each split's windows, by split.
        shape: of a window and its forecast.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    starts: Mapping[str, NDArray[np.int64]]
    shape: WindowShape

    @classmethod
    def of(cls, prepared: Prepared, loss: Any) -> WindowSource:
        """The windows of a prepared artifact, for forecasts described by as many numbers as the loss wants."""
        manifest = prepared.preprocessing
        shape = WindowShape(
            lookback=manifest.lookback,
            features=len(manifest.features),
            steps=manifest.steps,
            channels=manifest.channels,
            known=manifest.known,
            ahead=manifest.horizon if manifest.known else 0,
            parameters=losses.parameters(loss),
            distribution=losses.distribution(loss),
            target_first=bool(manifest.features) and manifest.features[0].name == manifest.target.name,
        )
        starts = {split: prepared.starts(split) for split in ("train", "validation")}
        return cls(prepared.features, prepared.labels, starts, shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, which a device that holds them must have to spare."""
        return int(self.features.nbytes + self.labels.nbytes)

    def host_batch(self, starts: NDArray[np.int64]) -> tuple[Inputs, NDArray[np.float32]]:
        """Inputs and labels of windows, gathered on the host; see :class:`WindowShape` for their shapes."""
        shape = self.shape
        gathered = self._windows[starts].view(np.float32)
        inputs: Inputs = {"window": gathered.reshape(len(starts), shape.lookback, shape.features)}
        if shape.ahead:
            first = starts + shape.lookback
            inputs["ahead"] = _blocks(self.features, shape.ahead)[first][:, :, shape.features - shape.known :]
        if not shape.channels:
            return inputs, self.labels[starts + (shape.lookback - 1), None]
        return inputs, _blocks(self.features, shape.steps)[starts + shape.lookback][:, :, : shape.channels]

    @cached_property
    def _windows(self) -> NDArray[np.void]:
        """Every window as one item of raw bytes, (rows - lookback + 1,): indexing copies one block an item.

        Laying the view costs more than a batch, so it is kept; as an array of three axes it would be copied row by row.
        """
        rows = np.ascontiguousarray(self.features)
        size = self.shape.lookback * rows.shape[1]
        first = rows.reshape(-1)[:size].view(np.dtype((np.void, size * rows.itemsize)))
        count = max(0, len(rows) - self.shape.lookback + 1)
        return np.lib.stride_tricks.as_strided(first, (count,), (rows.strides[0],), writeable=False)

    def device_batch(self, features: Any, labels: Any, starts: Any) -> tuple[Inputs, Any]:
        """The same from tensors of the backend, inside a compiled function; ``starts`` int32 (batch,)."""
        from keras import ops

        shape = self.shape

        def rows(first: int, count: int) -> Any:
            return ops.take(features, starts[:, None] + (first + np.arange(count, dtype=np.int32))[None], axis=0)

        inputs: Inputs = {"window": rows(0, shape.lookback)}
        if shape.ahead:
            inputs["ahead"] = rows(shape.lookback, shape.ahead)[:, :, shape.features - shape.known :]
        if not shape.channels:
            return inputs, ops.take(labels, starts + np.int32(shape.lookback - 1), axis=0)[:, None]
        return inputs, rows(shape.lookback, shape.steps)[:, :, : shape.channels]


def _blocks(rows: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """A view of every ``length`` consecutive rows, (rows - length + 1, length, columns): a window is one block copy."""
    return np.lib.stride_tricks.sliding_window_view(rows, (length, rows.shape[1]))[:, 0]


def epoch_order(windows: int, seed: int | None, epoch: int) -> NDArray[np.int64]:
    """Order in which an epoch visits the windows, shape (windows,); time order when ``seed`` is None.

    A function of (seed, epoch), so that epoch 7 is the same whether or not training was interrupted before it.
    """
    if seed is None:
        return np.arange(windows)
    return np.random.default_rng([seed, epoch]).permutation(windows)
