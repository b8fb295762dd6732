"""The ``twin`` section of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from components.shared.bigquery import EncryptionKey
from components.shared.config import StrictModel

if TYPE_CHECKING:
    from components.train.config import TrainConfig

ProjectId = Annotated[str, Field(pattern=r"^(?:[a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]


class TwinConfig(StrictModel):
    """Where in BigQuery the twin's table and model live; both are replaced by each run."""

    project: ProjectId | None = None
    """Project that owns and pays for them; needed as soon as the branch is switched on."""
    dataset: Identifier = "tandem"
    """An existing dataset."""
    location: str = Field(default="US", pattern=r"^[A-Za-z][A-Za-z0-9-]{1,40}$")
    """Location of that dataset."""
    name: Identifier = "dart_twin"
    """Name of the model; its table is called the same with ``_columns`` behind."""
    encryption_key: EncryptionKey | None = None
    """Of both; in the cloud, that of the run when null."""
    api_endpoint: str | None = None
    """Another server that speaks BigQuery's REST API; credentials are sent to https endpoints only."""


def twin_problems(config: TwinConfig, train: TrainConfig) -> list[str]:
    """Why there can be no twin of this training."""
    model: Any = train.model  # any registered kind; the union is made when the registry is read
    found = []
    if config.project is None:
        found.append("twin.project: expected the Google Cloud project that owns the twin, got nothing")
    if model.kind != "dart":
        found.append(f"train_b.model.kind: BigQuery's twin is one of boosted trees: expected dart, got {model.kind}")
    elif train.loss.kind != "mse":
        found.append(f"train_b.loss: BigQuery's trees learn squared error: expected mse, got {train.loss.kind}")
    return found
