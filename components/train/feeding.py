"""Feed windows to Keras by start index: a batch is one gather from the contiguous array, nothing is materialised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from components.shared.artifacts import Prepared


def window_batches(
    prepared: Prepared, split: str, *, batch_size: int, seed: int | None, first_epoch: int = 0
) -> keras.utils.PyDataset:
    """Batches of one split; the last, smaller batch is kept.

    Args:
        prepared: the arrays to gather from.
        split: ``train`` or ``validation``.
        batch_size: windows a batch.
        seed: shuffles each epoch by (seed, epoch), so that epoch 7 is the same whether or not training was
            interrupted before it; None keeps time order.
        first_epoch: epoch the first pass is, when training continues.

    Returns:
        A dataset of ``(windows (batch, lookback, features), labels (batch, 1))``, both float32.
    """
    import keras

    starts = prepared.starts(split)
    labels = np.asarray(prepared.labels[prepared.origins(starts)])[:, None]

    class Windows(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.epoch = first_epoch
            self.order = epoch_order(len(starts), seed, self.epoch)

        def __len__(self) -> int:
            return -(-len(starts) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            chosen = self.order[index * batch_size : (index + 1) * batch_size]
            return prepared.windows(starts[chosen]), labels[chosen]

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self.order = epoch_order(len(starts), seed, self.epoch)

    return Windows()


def epoch_order(windows: int, seed: int | None, epoch: int) -> NDArray[np.int64]:
    """Order in which an epoch visits the windows, shape (windows,); time order when ``seed`` is None."""
    if seed is None:
        return np.arange(windows)
    return np.random.default_rng([seed, epoch]).permutation(windows)
