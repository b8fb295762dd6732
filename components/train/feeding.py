"""Feed windows to Keras from host memory, for arrays that the device has no room for.

A batch is one gather from the contiguous array by start index; nothing is materialised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.train.source import WindowSource, epoch_order
from components.train.stepping import fed

if TYPE_CHECKING:
    import keras

    from components.shared.device import Device


def window_batches(
    model: keras.Model, source: WindowSource, split: str, *, batch_size: int, seed: int | None
) -> tuple[keras.utils.PyDataset, keras.callbacks.Callback]:
    """Batches of one split, the last smaller one kept, and the callback that orders them anew each epoch.

    Keras asks a dataset for its first batches, and tells it that an epoch has ended, before the first epoch begins; so
    it is the callback that knows which epoch it is.

    Args:
        model: what is fed: it says which inputs it takes.
        source: the arrays to gather from.
        split: ``train`` or ``validation``.
        batch_size: windows a batch.
        seed: shuffles each epoch by (seed, epoch); None keeps time order.
    """
    import keras

    starts = np.asarray(source.starts[split])
    order = epoch_order(len(starts), seed, 0)

    class Windows(keras.utils.PyDataset):
        def __len__(self) -> int:
            return -(-len(starts) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            inputs, labels = source.host_batch(starts[order[index * batch_size : (index + 1) * batch_size]])
            return fed(model, inputs), labels

    class Order(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  Keras fixes the signature
            order[:] = epoch_order(len(starts), seed, epoch)

    return Windows(), Order()


STEPS_PER_EXECUTION = 16
"""Steps that Keras runs between two looks from Python, where it feeds from the host."""

LARGEST_SHARE = 0.25
"""Share of an accelerator's memory that the arrays may take; the rest is for the net, its gradients and a batch."""


def fits_on_device(source: WindowSource, device: Device | None) -> bool:
    """Whether the arrays may lie on the device; one that shares the host's memory always has room, without a copy."""
    if device is None or device.accelerator not in ("cuda", "tpu") or not device.memory_bytes:
        return True
    return source.nbytes <= LARGEST_SHARE * device.memory_bytes
