"""The ``register`` section of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from components.shared.config import StrictModel

SQLITE_PREFIX = "sqlite:///"
OWN_TAGS = frozenset({"identity", "digest", "source_digest", "horizon", "kind", "verdict", "beats"})
"""Tags that registration sets itself, see :mod:`components.register.candidate`."""

_TAG_KEY = re.compile(r"[\w.\-/ ]{1,250}")


class MlflowConfig(StrictModel):
    """A local MLflow registry: one SQLite file, with the registered files in folders beside it."""

    kind: Literal["mlflow"] = "mlflow"
    uri: str = "sqlite:///registry/registry.db"
    """``sqlite:///`` and a path; relative to where the command is run, or absolute with a fourth slash."""

    @field_validator("uri")
    @classmethod
    def _names_a_file(cls, uri: str) -> str:
        path = uri.removeprefix(SQLITE_PREFIX)
        if not uri.startswith(SQLITE_PREFIX) or not Path(path).name or set("?:*") & set(path):
            raise ValueError("expected sqlite:/// and the path of a file, for example sqlite:///registry/registry.db")
        return uri

    @property
    def database(self) -> Path:
        """Absolute path of the SQLite file."""
        return Path(self.uri.removeprefix(SQLITE_PREFIX)).absolute()


class VertexConfig(StrictModel):
    """The Model Registry of Vertex AI; the files of each version are in a bucket."""

    kind: Literal["vertex"]
    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    location: str = Field(pattern=r"^[a-z]+-[a-z]+\d+$")
    root: str = Field(pattern=r"^gs://[a-z0-9][a-z0-9._-]+(/\S*)?$")
    """Where the files of versions go, for example ``gs://my-bucket/tandem``."""
    serving_image: str = Field(min_length=1)
    """The container that serves the model, with its digest."""
    encryption_key: str = ""
    endpoint: str = ""
    storage_endpoint: str = ""
    anonymous: bool = False
    """Send no credentials; only to a server on this machine."""

    @model_validator(mode="after")
    def _nothing_secret_travels_in_the_clear(self) -> Self:
        for name in ("endpoint", "storage_endpoint"):
            parts = urlsplit(getattr(self, name))
            here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
            if parts.scheme == "http" and not here:
                raise ValueError(f"{name}: expected https, because credentials are sent there")
            if self.anonymous and not here:
                raise ValueError(f"{name}: anonymous is only for a server on this machine")
        return self


def _kind_of_registry(value: Any) -> str:
    """MLflow unless said otherwise, so that ``registry: {uri: …}`` is enough."""
    kind = value.get("kind", "mlflow") if isinstance(value, dict) else getattr(value, "kind", "mlflow")
    return str(kind)


RegistryConfig = Annotated[
    Annotated[MlflowConfig, Tag("mlflow")] | Annotated[VertexConfig, Tag("vertex")], Discriminator(_kind_of_registry)
]


class RegisterConfig(StrictModel):
    """Under which name a model is registered, where, and how exact its export must be."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=100)
    """The horizon is added: ``soybean-oil`` one month ahead is registered as ``soybean-oil-1m``, because models of
    different horizons do not compete for the same alias."""
    registry: RegistryConfig = Field(default_factory=MlflowConfig)
    tolerance: float = Field(default=1e-5, gt=0)
    """Largest difference, in scaled label, between a prediction of the export and of the model."""
    tags: dict[str, str] = Field(default_factory=dict)
    """Tags of your own on the registered version."""

    @field_validator("tags")
    @classmethod
    def _tags_can_be_set(cls, tags: dict[str, str]) -> dict[str, str]:
        taken = sorted(key for key in tags if key in OWN_TAGS or key.startswith("metric/"))
        invalid = sorted(repr(key) for key in tags if not _TAG_KEY.fullmatch(key))
        if taken:
            raise ValueError(f"registration sets these tags itself: {', '.join(taken)}")
        if invalid:
            raise ValueError(f"expected letters, digits and . - _ / in tag names; got {', '.join(invalid)}")
        return tags
