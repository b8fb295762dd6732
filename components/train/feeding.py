"""Feed windows to Keras from host memory, for arrays that the device has no room for.

A batch is one gather from the contiguous array by start index; nothing is materialised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.train.source import WindowSource, epoch_order

if TYPE_CHECKING:
    import keras

    from components.shared.device import Device


def window_batches(
    source: WindowSource, split: str, *, batch_size: int, seed: int | None, first_epoch: int = 0
) -> keras.utils.PyDataset:
    """Batches of one split; the last, smaller batch is kept.

    Args:
        source: the arrays to gather from.
        split: ``train`` or ``validation``.
        batch_size: windows a batch.
        seed: shuffles each epoch by (seed, epoch); None keeps time order.
        first_epoch: epoch the first pass is, when training continues.
    """
    import keras

    starts = np.asarray(source.starts[split])

    class Windows(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.epoch = first_epoch
            self.order = epoch_order(len(starts), seed, self.epoch)

        def __len__(self) -> int:
            return -(-len(starts) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return source.host_batch(starts[self.order[index * batch_size : (index + 1) * batch_size]])

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self.order = epoch_order(len(starts), seed, self.epoch)

    return Windows()


STEPS_PER_EXECUTION = 16
"""Steps that Keras runs between two looks from Python, where it feeds from the host."""

LARGEST_SHARE = 0.25
"""Share of an accelerator's memory that the arrays may take; the rest is for the net, its gradients and a batch."""


def fits_on_device(source: WindowSource, device: Device | None) -> bool:
    """Whether the arrays may lie on the device; one that shares the host's memory always has room, without a copy."""
    if device is None or device.accelerator not in ("cuda", "tpu") or not device.memory_bytes:
        return True
    return source.nbytes <= LARGEST_SHARE * device.memory_bytes
