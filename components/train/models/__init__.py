"""The model registry. Each module here offers ``MODELS``; adding a model is adding one module.

A module's ``MODELS`` maps a kind, as written in ``train.model.kind``, to its config and the function that builds it.
Importing this package reads configs only: Keras is imported when a model is built.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from components.train.models.kind import ModelKind, WindowShape

if TYPE_CHECKING:
    import keras

    from components.train.config import TrainConfig
    from components.train.source import WindowSource


def _discover() -> dict[str, ModelKind]:
    found: dict[str, ModelKind] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        offered = getattr(importlib.import_module(f"{__name__}.{module.name}"), "MODELS", {})
        repeated = found.keys() & offered.keys()
        if repeated:
            raise ValueError(f"two modules offer the model {', '.join(sorted(repeated))}")
        found.update(offered)
    return found


REGISTRY: dict[str, ModelKind] = _discover()

ModelConfig = Annotated[Union[tuple(kind.config for kind in REGISTRY.values())], Field(discriminator="kind")]  # noqa: UP007
"""Any registered model's config, told apart by ``kind``."""


def build(config: Any, shape: WindowShape) -> keras.Model:
    """Build the functional model of a config, for windows and forecasts of a shape."""
    construct = REGISTRY[config.kind].build
    if construct is None:
        raise TypeError(f"{config.kind} is no network: train it with components.train.loop.fit")
    return construct(config, shape)


def initialise(model: keras.Model, config: Any, source: WindowSource) -> None:
    """Set weights that have a closed form from the train windows, for models that have such."""
    if (start := REGISTRY[config.kind].initialise) is not None:
        start(model, config, source)


def finish(model: keras.Model, config: Any, source: WindowSource) -> None:
    """Change the weights that training ended with, for models that ask for it."""
    if (end := REGISTRY[config.kind].finish) is not None:
        end(model, config, source)


def problems(config: TrainConfig, shape: WindowShape) -> list[str]:
    """What a training asks for that its kind of model cannot do."""
    judge = REGISTRY[config.model.kind].problems
    return judge(config, shape) if judge is not None else []
