"""Where models are registered: one protocol, and the kinds there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from components.shared.errors import TandemError

if TYPE_CHECKING:
    from components.register.candidate import Candidate
    from components.register.config import MlflowConfig, VertexConfig

CANDIDATE, CHAMPION = "candidate", "champion"
"""Aliases: the model registered last, and the last one that beat the best baseline."""


class RegistryError(TandemError):
    """A registry cannot be read or written."""


@dataclass(frozen=True)
class Version:
    """A registered version: ``location`` is the folder its files are in, ``aliases`` are those it bears now."""

    name: str
    number: int
    aliases: tuple[str, ...]
    location: str


class Registry(Protocol):
    """Keeps versions of named models, with tags and aliases."""

    def register(self, candidate: Candidate) -> Version:
        """Register a candidate, or find it when it is registered already; then move the aliases it earned.

        A version never exists without its files. Safe against another process registering at the same time.

        Raises:
            RegistryError: the registry cannot be read or written.
        """
        ...

    def find(self, reference: str) -> Version:
        """The version that a reference names: ``soybean-oil-1m@champion`` or ``soybean-oil-1m/3``.

        Raises:
            InputError: there is no such model, alias or version; says which there are.
            RegistryError: the registry cannot be read.
        """
        ...


def open_registry(config: MlflowConfig | VertexConfig) -> Registry:
    """The registry that a config asks for; it is created when it does not exist.

    Raises:
        InputError: there cannot be a registry at that place.
    """
    return KINDS[config.kind](config)


def _mlflow(config: MlflowConfig) -> Registry:
    # Imported here: MLflow takes a second to load.
    from components.register.mlflow_registry import LocalMlflow

    return LocalMlflow.open(config)


def _vertex(config: VertexConfig) -> Registry:
    # Imported here: Google's client libraries take seconds to load.
    from components.register.vertex_registry import VertexRegistry

    return VertexRegistry.open(config)


KINDS: dict[str, Callable[[Any], Registry]] = {"mlflow": _mlflow, "vertex": _vertex}
"""How each kind of registry is opened."""
