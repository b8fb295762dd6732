"""``cloud.yaml``: whose project, which region, bucket, account and images. Nothing about a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from components.shared.config import StrictModel, read_yaml, validate
from components.shared.errors import InputError

DEFAULT_FILE = Path("cloud.yaml")
EXAMPLE = Path(__file__).parent / "tables" / "cloud.example.yaml"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _like(pattern: str, expected: str) -> AfterValidator:
    """A text of a pattern, or a message that says what one looks like."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


Project = Annotated[str, _like(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id, not its number or its name")]
Location = Annotated[str, _like(r"[a-z]+-[a-z]+\d+", "a region such as europe-west4")]
Folder = Annotated[str, _like(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/\S*)?", "a folder such as gs://my-bucket/runs")]
Account = Annotated[
    str, _like(r"([\w.-]+@[\w-]+(\.[\w-]+)+)?", "an address such as NAME@PROJECT.iam.gserviceaccount.com")
]
# Vertex AI takes no project's id here: https://cloud.google.com/vertex-ai/docs/general/vpc-peering
Network = Annotated[
    str,
    _like(
        r"(projects/\d+/global/networks/[a-z][a-z0-9-]*)?",
        "projects/NUMBER/global/networks/NAME, where NUMBER is that of the project: gcloud projects describe PROJECT "
        "--format='value(projectNumber)'",
    ),
]
Attachment = Annotated[
    str,
    _like(
        r"(projects/[^/\s]+/regions/[^/\s]+/networkAttachments/[^/\s]+)?",
        "projects/PROJECT/regions/REGION/networkAttachments/NAME",
    ),
]
Range = Annotated[str, _like(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "the name of an address range")]
Address = Annotated[str, _like(r"(https?://[^\s/@]+(/\S*)?)?", "an address such as https://HOST")]
Image = Annotated[str, _like(r"\S+", "HOST/PROJECT/REPOSITORY/NAME@sha256:DIGEST")]
Key = Annotated[
    str,
    _like(
        r"(projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+)?",
        "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY",
    ),
]


class KubeflowSettings(StrictModel):
    """A Kubeflow Pipelines server of your own."""

    host: str = Field(pattern=r"^https?://\S+$")
    namespace: str = "kubeflow"
    experiment: str = "tandem"
    token_file: Path | None = None
    """A file with a bearer token; read at each call, never shown."""

    @model_validator(mode="after")
    def _nothing_secret_travels_in_the_clear(self) -> Self:
        parts = urlsplit(self.host)
        if self.token_file and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("host: expected https, because the token of token_file is sent there")
        return self

    def token(self) -> str | None:
        """The bearer token, if there is one.

        Raises:
            InputError: the file cannot be read, or there is nothing in it.
        """
        if self.token_file is None:
            return None
        try:
            found = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"kubeflow.token_file: cannot read {self.token_file}: {error}") from error
        if not found:
            raise InputError(f"kubeflow.token_file: {self.token_file} is empty; write the bearer token into it")
        return found


class Endpoints(StrictModel):
    """Addresses to use instead of Google's own: a private endpoint, or a stand-in on this machine."""

    vertex: Address = ""
    storage: Address = ""
    bigquery: Address = ""
    google: Address = ""
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

    project: Project
    location: Location
    root: Folder
    """Where artifacts and submitted specs go, for example ``gs://my-bucket/tandem``."""
    service_account: Account = ""
    images: dict[Literal["cpu", "gpu", "tpu", "serving", "launcher"], Image] = Field(default_factory=dict)
    """Container images by kind, each with its digest; ``launcher`` is a copy of Google's own, to pull no public one."""
    network: Network = ""
    """A VPC network that is peered with Vertex AI's."""
    reserved_ip_ranges: tuple[Range, ...] = ()
    """Names of the address ranges of ``network`` that jobs may use; any, when left out."""
    network_attachment: Attachment = ""
    """Instead of ``network``: where a Private Service Connect interface of each job comes in."""
    encryption_key: Key = ""
    """A key of your own (CMEK), in the same region."""
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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = []
        if self.encryption_key and (where := self.encryption_key.split("/")[3]) != self.location:
            found.append(
                f"encryption_key: expected a key in {self.location}, where runs and models are, got one in {where}"
            )
        if self.network and self.network_attachment:
            found.append("network_attachment: a job has this or network, not both; leave one out")
        if self.reserved_ip_ranges and not self.network:
            found.append("reserved_ip_ranges: these are ranges of network, which is left out; fill it in")
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def parent(self) -> str:
        """The location as a resource name."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def account_project(self) -> str:
        """Project that the service account is of; one that Google made is taken for this project's."""
        found = re.fullmatch(r"[^@]+@([^.]+)\.iam\.gserviceaccount\.com", self.service_account)
        return found[1] if found else self.project

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
