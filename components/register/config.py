"""The ``register`` section of an experiment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

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


class RegisterConfig(StrictModel):
    """Under which name a model is registered, where, and how exact its export must be."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=100)
    """The horizon is added: ``soybean-oil`` one month ahead is registered as ``soybean-oil-1m``, because models of
    different horizons do not compete for the same alias."""
    registry: MlflowConfig = Field(default_factory=MlflowConfig)
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
