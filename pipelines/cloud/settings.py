"""``cloud.yaml``: whose project, which region, bucket, account and images. Nothing about a model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from components.shared.config import StrictModel, read_yaml, validate
from components.shared.errors import InputError

DEFAULT_FILE = Path("cloud.yaml")
EXAMPLE = Path(__file__).parent / "tables" / "cloud.example.yaml"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_BUCKET = r"^gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[^\s]*)?$"
_KEY = r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"


class KubeflowSettings(StrictModel):
    """A Kubeflow Pipelines server of your own."""

    host: str = Field(pattern=r"^https?://\S+$")
    namespace: str = "kubeflow"
    experiment: str = "tandem"
    token_file: Path | None = None
    """A file with a bearer token; read at each call, never shown."""


class Endpoints(StrictModel):
    """Addresses to use instead of Google's own: a private endpoint, or a stand-in on this machine."""

    vertex: str = ""
    storage: str = ""
    bigquery: str = ""
    google: str = ""
    """One address for service usage, resource manager, IAM and quotas."""
    anonymous: bool = False
    """Send no credentials; only to this machine."""

    @model_validator(mode="after")
    def _nothing_secret_travels_in_the_clear(self) -> Self:
        for name in ("vertex", "storage", "bigquery", "google"):
            parts = urlsplit(getattr(self, name))
            if parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValueError(f"{name}: expected https, because credentials are sent there")
            if parts.scheme and self.anonymous and parts.hostname not in LOOPBACK:
                raise ValueError(f"{name}: anonymous is only for this machine")
        return self


class CloudSettings(StrictModel):
    """What is the same for every pipeline that one team submits."""

    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    location: str = Field(pattern=r"^[a-z]+-[a-z]+\d+$")
    root: str = Field(pattern=_BUCKET)
    """Where artifacts and submitted specs go, for example ``gs://my-bucket/tandem``."""
    service_account: str = Field(default="", pattern=r"^(\S+@\S+\.\S+)?$")
    images: dict[Literal["cpu", "gpu", "tpu", "serving"], str] = Field(default_factory=dict)
    """Container images by kind, each with its digest."""
    network: str = Field(default="", pattern=r"^(projects/[^/]+/global/networks/[^/]+)?$")
    encryption_key: str = Field(default="", pattern=f"^$|{_KEY}")
    labels: dict[str, str] = Field(default_factory=dict)
    notify: list[str] = Field(default_factory=list, max_length=3)
    """E-mail addresses told how each run ended; Vertex AI takes three at most."""
    caching: bool | None = None
    """True or false for every task; left out, each task as it was compiled."""
    failure_policy: Literal["slow", "fast"] = "slow"
    """``fast`` starts no further task once one has failed."""
    max_cost: float | None = Field(default=None, gt=0)
    """US dollars; a submission that is estimated to cost more is refused."""
    prices: Path | None = None
    """A table of prices of your own, in the form of the shipped ``prices.yaml``."""
    kubeflow: KubeflowSettings | None = None
    endpoints: Endpoints = Field(default_factory=Endpoints)

    @field_validator("root")
    @classmethod
    def _without_a_slash_at_its_end(cls, root: str) -> str:
        return root.rstrip("/")

    @property
    def parent(self) -> str:
        """The location as a resource name."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def bucket(self) -> str:
        """Name of the bucket, without ``gs://``."""
        return self.root.removeprefix("gs://").split("/")[0]

    @property
    def prefix(self) -> str:
        """Folder in the bucket, empty or with a slash at its end."""
        _, _, folder = self.root.removeprefix("gs://").partition("/")
        return f"{folder}/" if folder else ""


def read(path: Path | None = None) -> CloudSettings:
    """Read ``cloud.yaml``.

    Raises:
        InputError: there is none, with how to get one; or every problem of it.
    """
    file = path or DEFAULT_FILE
    if not file.is_file():
        raise InputError(
            f"there is no {file}: it says which project, region and bucket to use. Next: cp {EXAMPLE} {file} "
            "and fill it in; docs/vertex-setup.md shows each key"
        )
    return validate(CloudSettings, read_yaml(file))
