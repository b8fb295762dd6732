"""A network whose dropout layers take their masks from outside: what Monte Carlo dropout runs.

The layers of the trained network itself are reused, weights and all; only its dropouts are replaced. A tensor is either
of the windows, (W, ...), or of all passes over them, pass after pass, (P x W, ...): the first dropout makes the one
into the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskShape:
    """A dropout's input without the batch axis, and the share of it that is dropped."""

    size: tuple[int, ...]
    rate: float


@dataclass(eq=False)
class Masks:
    """What the thinned layers of one network read: the masks of the call in progress, (passes, ...) bool each."""

    current: Sequence[Any] = ()
    seen: dict[int, MaskShape] = field(default_factory=dict)
    layers: int = 0

    def use(self, masks: Sequence[Any]) -> None:
        self.current = masks

    def shapes(self, network: keras.Model) -> list[MaskShape]:
        """Shape of each mask, in the order of the layers."""
        if not self.seen:
            # Attention weights have a shape that no layer declares: one window is passed through to see all of them.
            self.use(())
            one = [np.zeros((1, *tensor.shape[1:]), dtype=np.float32) for tensor in network.inputs]
            network(one, training=False)
        return [self.seen[position] for position in range(self.layers)]


def draw_masks(shapes: Sequence[MaskShape], passes: int, seed: int) -> list[NDArray[np.bool_]]:
    """What each pass keeps, (passes, ...) a dropout. A mask does not depend on how many passes follow it."""
    return [
        np.random.default_rng((seed, position)).random((passes, *shape.size), dtype=np.float32) >= shape.rate
        for position, shape in enumerate(shapes)
    ]


class Thin(keras.layers.Layer):  # type: ignore[misc]
    """Drop what the mask of its pass drops, and make up for it in what is kept, as dropout does in training."""

    def __init__(self, masks: Masks, rate: float, spread: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.masks, self.rate, self.spread = masks, rate, spread
        self.position = masks.layers
        masks.layers += 1

    def call(self, x: Any, training: bool = False) -> Any:  # noqa: ARG002  it thins whatever the mode
        if not self.masks.current:
            self.masks.seen[self.position] = MaskShape(tuple(x.shape[1:]), self.rate)
            return x
        kept = ops.cast(self.masks.current[self.position], x.dtype) / (1.0 - self.rate)
        # Pass after pass: windows are the second axis where there already are passes, the first where not yet.
        rows = ops.reshape(x, (ops.shape(kept)[0], -1, *x.shape[1:])) if self.spread else x[None]
        return ops.reshape(rows * kept[:, None], (-1, *x.shape[1:]))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (None, *shape[1:])


class Spread(keras.layers.Layer):  # type: ignore[misc]
    """Repeat a tensor of the windows for each pass, for a layer that also takes one of the passes."""

    def __init__(self, masks: Masks, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.masks = masks

    def call(self, x: Any) -> Any:
        passes = ops.shape(self.masks.current[0])[0] if self.masks.current else 1
        return ops.tile(x, (passes, *[1] * (len(x.shape) - 1)))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (None, *shape[1:])


def dropouts(model: keras.Model) -> list[keras.layers.Layer]:
    """The dropout layers that do something, also those inside other layers."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]


def thinned(model: keras.Model) -> tuple[keras.Model, Masks]:
    """The model with its dropouts replaced, and the masks that the new ones read.

    Args:
        model: a functional model whose inputs are a list.
    """
    masks, spread = Masks(), set[int]()

    def replace(layer: Any) -> Any:
        # Whatever holds no dropout is used as it is: the new network has the trained one's own weights.
        inner = {name: value for name, value in vars(layer).items() if _drops(value)}
        if not inner or _drops(layer):
            return layer
        copy = type(layer).from_config(layer.get_config())
        for name, dropout in inner.items():
            setattr(copy, name, Thin(masks, dropout.rate, True, dtype=dropout.dtype_policy))
        copy.build(layer.input.shape)
        copy.set_weights(layer.get_weights())
        return copy

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = _tensors((args, kwargs))
        passes = [id(tensor) in spread for tensor in tensors]
        if _drops(layer):
            layer = Thin(masks, layer.rate, passes[0], dtype=layer.dtype_policy)
            passes = [True]
        elif any(passes) or any(isinstance(value, Thin) for value in vars(layer).values()):
            repeated = {id(t): t if done else Spread(masks)(t) for t, done in zip(tensors, passes, strict=True)}
            args, kwargs = keras.tree.map_structure(lambda leaf: repeated.get(id(leaf), leaf), (args, kwargs))
            passes = [True]
        answer = layer(*args, **kwargs)
        if any(passes):
            spread.update(id(tensor) for tensor in _tensors(answer))
            kept_alive.append(answer)
        return answer

    kept_alive: list[Any] = []  # an id means a tensor only while the tensor lives
    return keras.models.clone_model(model, clone_function=replace, call_function=call), masks


def _drops(value: Any) -> bool:
    return isinstance(value, keras.layers.Dropout) and value.rate > 0


def _tensors(structure: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor)]
