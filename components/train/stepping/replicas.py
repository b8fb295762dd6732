"""What one of several TensorFlow replicas does with a batch of all of them: take its share, and sum what all found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from components.shared.errors import TandemError

if TYPE_CHECKING:
    import keras


def own(windows: Any, replicas: int) -> tuple[Any, Any]:
    """The windows of this replica, and which of them count.

    Args:
        windows: starts of the whole batch, (batch,), of a size known while tracing.
        replicas: how many share it.

    Returns:
        Starts (ceil(batch / replicas),), of one size on every replica, as a TPU needs: the last one is repeated where
        the batch does not divide. With them 1 for each that counts and 0 for each repeated one; None for one replica.
    """
    if replicas == 1:
        return windows, None
    size = windows.shape[0]
    count = -(-size // replicas)
    places = tf.distribute.get_replica_context().replica_id_in_sync_group * count + tf.range(count)
    return tf.gather(windows, tf.minimum(places, size - 1)), tf.cast(places < size, tf.float32)


def mean(losses: Any, counted: Any, size: int) -> Any:
    """This replica's part of the mean loss over ``size`` windows of all replicas; parts add up to it."""
    return tf.reduce_mean(losses) if counted is None else tf.reduce_sum(losses * counted) / size


def summed(loss: Any, slopes: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Sums over all replicas of a loss and of gradients, in one exchange; absent gradients stay absent."""
    known = [slope for slope in slopes if slope is not None]
    loss, *known = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, [loss, *known])
    rest = iter(known)
    return loss, [None if slope is None else next(rest) for slope in slopes]


def reduce_no_more(optimizer: keras.Optimizer) -> None:
    """Have an optimizer take gradients as they are, for a step that has summed them over the replicas before.

    Keras sums them itself, but only after it has clipped: each replica would clip what it alone has seen, and the
    outcome would be another than on one device. There is no switch for it, hence this method by its name.

    Raises:
        TandemError: this version of Keras has no such method.
    """
    if not hasattr(optimizer, "_all_reduce_sum_gradients"):
        raise TandemError(
            "this version of Keras sums gradients over replicas in an unknown way, so that clipping would go wrong: "
            "install the locked one (make setup), or set train.distribution=off"
        )
    optimizer._all_reduce_sum_gradients = list
