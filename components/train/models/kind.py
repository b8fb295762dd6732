"""What a model module offers the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from components.shared.config import StrictModel


@dataclass(frozen=True)
class WindowShape:
    """Shape of one window."""

    lookback: int
    features: int


@dataclass(frozen=True)
class ModelKind:
    """A model's config class, whose ``kind`` names it, and the function that builds it from config and shape."""

    config: type[StrictModel]
    build: Callable[[Any, WindowShape], keras.Model]
