"""What a model module offers the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import keras

    from components.shared.config import StrictModel
    from components.train.config import TrainConfig
    from components.train.loop import Fitted
    from components.train.source import WindowSource


@dataclass(frozen=True)
class WindowShape:
    """What goes into a model and what comes out of it.

    Input ``window`` is (lookback, features). With ``ahead`` there is a second input ``ahead``, (ahead, known): the
    last ``known`` features over the rows after the origin, such as calendar features.

    The output is (steps, channels) when ``channels`` leading features are continued for ``steps`` rows, on their own
    scale; with ``channels`` 0 it is one label on a scale of its own, and ``steps`` is 1. A last axis is added when
    ``parameters`` numbers describe each forecast; for a label it is there also with one.
    """

    lookback: int
    features: int
    steps: int = 1
    channels: int = 0
    known: int = 0
    ahead: int = 0
    parameters: int = 1
    distribution: Literal["point", "quantile", "gaussian"] = "point"
    """What the parameters are: one number, quantiles in ascending order, or mean and standard deviation."""
    target_first: bool = True
    """Whether the first feature is the target's own history."""

    @property
    def output(self) -> tuple[int, ...]:
        """Shape of one window's forecast."""
        if not self.channels:
            return (self.parameters,)
        return (self.steps, self.channels, *([self.parameters] if self.parameters > 1 else []))


LEARNING_SPACE: Mapping[str, Mapping[str, Any]] = {
    "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "optimizer.weight_decay": {"low": 1e-6, "high": 1e-2, "log": True},
    "batch_size": {"choices": [32, 64, 128, 256]},
}
"""What is worth varying for any net that learns by gradients."""


@dataclass(frozen=True)
class ModelKind:
    """A model's config class, whose ``kind`` names it, and the function that builds it from config and shape.

    ``initialise``, where there is one, sets weights that have a closed form from the train windows before training;
    ``finish`` changes the weights of the best epoch after it.
    """

    config: type[StrictModel]
    build: Callable[[Any, WindowShape], keras.Model] | None = None
    initialise: Callable[[keras.Model, Any, WindowSource], None] | None = None
    finish: Callable[[keras.Model, Any, WindowSource], None] | None = None
    recurrent: bool = False
    """Whether a Mac's CPU may be faster than its GPU: then a trial decides."""
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What ``train.tune`` varies unless the config says: key of the train section to a range or to choices."""
    fit: Callable[..., Fitted] | None = None
    """For models that no gradient trains: replaces building and the loop over epochs; see ``models/dart.py``."""
    problems: Callable[[TrainConfig, WindowShape], list[str]] | None = None
    """What a training asks for that this kind cannot do, in words."""
