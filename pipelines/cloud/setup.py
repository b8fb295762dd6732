"""What a project needs once: services, a service account with few roles, a bucket, a registry, perhaps a schedule."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from components.shared.errors import InputError, TandemError
from pipelines.cloud.preflight.online import SERVICES
from pipelines.cloud.settings import CloudSettings

Command = list[str]

MORE_SERVICES = (
    "bigquerystorage.googleapis.com", "cloudquotas.googleapis.com", "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com", "iam.googleapis.com", "serviceusage.googleapis.com",
)  # fmt: skip
PROJECT_ROLES = (
    "roles/aiplatform.user", "roles/bigquery.jobUser", "roles/bigquery.readSessionUser", "roles/logging.logWriter",
)  # fmt: skip
"""Of the service account: run jobs and register models, ask BigQuery, write logs. Files, images and data by role on one
bucket, repository and dataset, not on the project."""
USER_ROLES = ("roles/aiplatform.user", "roles/serviceusage.serviceUsageViewer", "roles/cloudquotas.viewer")
"""Of who submits: start runs, and see what the checks look at."""
BUCKET_USER_ROLES = ("roles/storage.objectUser", "roles/storage.legacyBucketReader")
"""Of who submits: keep specs and models in the bucket, and see that it is there (``storage.buckets.get``)."""
REPOSITORY = "tandem"
EXISTS = ("already exists", "ALREADY_EXISTS", "already own it")
_IMAGE = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/.+")
_PRINCIPAL = re.compile(r"(user|group|serviceAccount):[^\s@;]+@[^\s@;]+|principal(Set)?://[^\s;]+")
_DATASET = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]\.\w{1,1000}", re.ASCII)
_QUIET = ["--condition=None", "--quiet", "--format=none"]


class SetupError(TandemError):
    """A gcloud command failed."""


@dataclass(frozen=True)
class Wishes:
    """What ``cloud.yaml`` does not say: who submits, which data runs read and write, a first schedule.

    ``number`` is the project's, by which the accounts of Google's own services are named; it is needed for a key of
    your own and for images of another project. ``schedule`` is name, pipeline and cron line.
    """

    user: str
    number: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    schedule: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        found = []
        if not _PRINCIPAL.fullmatch(self.user):
            found.append(f"--user: expected user:MAIL, group:MAIL or serviceAccount:MAIL, got {self.user!r}")
        if self.number and not self.number.isdigit():
            found.append(f"--project-number: expected digits, got {self.number!r}")
        found += [
            f"{option}: expected PROJECT.DATASET, got {name!r}"
            for option, names in (("--reads", self.reads), ("--writes", self.writes))
            for name in names
            if not _DATASET.fullmatch(name)
        ]
        if found:
            raise InputError(found)


def commands(settings: CloudSettings, wishes: Wishes) -> list[Command]:
    """The commands in their order, each safe to repeat.

    Raises:
        InputError: the project's number is needed and not given.
    """
    others = [place for place in repositories(settings) if place[1] != settings.project]
    if (settings.encryption_key or others) and not wishes.number:
        why = "encryption_key is set" if settings.encryption_key else f"images are in {others[0][1]}"
        raise InputError(
            f"--project-number: needed, because {why} and accounts of Google's services get a role there. "
            f"Next: gcloud projects describe {settings.project} --format='value(projectNumber)'"
        )
    services = [*SERVICES, *MORE_SERVICES]
    enable = ["gcloud", "services", "enable", *services, f"--project={settings.project}"]
    first = ["python", "-m", "pipelines", "schedule", "create", *wishes.schedule[:2], "--cron", *wishes.schedule[2:]]
    return [
        enable,
        *_key(settings, wishes.number),
        *_places(settings),
        *_account(settings, wishes),
        *_user(settings, wishes.user),
        *_images(settings, wishes),
        *([first] if wishes.schedule else []),
    ]


def account_of(settings: CloudSettings) -> str:
    """The service account of runs, which is made when ``cloud.yaml`` names none."""
    return settings.service_account or f"tandem-pipelines@{settings.project}.iam.gserviceaccount.com"


def repositories(settings: CloudSettings) -> list[tuple[str, str, str]]:
    """Location, project and name of each repository of the images in ``cloud.yaml``, or of the one that is made."""
    matches = filter(None, map(_IMAGE.fullmatch, settings.images.values()))
    found = [(match["location"], match["project"], match["repository"]) for match in matches]
    return list(dict.fromkeys(found)) or [(settings.location, settings.project, REPOSITORY)]


def _key(settings: CloudSettings, number: str) -> Iterator[Command]:
    """Accounts of the services that keep something encrypted are made, and may use the key."""
    if not settings.encryption_key:
        return
    project = f"--project={settings.project}"
    for service in ("aiplatform", "artifactregistry"):
        yield ["gcloud", "beta", "services", "identity", "create", f"--service={service}.googleapis.com", project]
    yield ["gcloud", "storage", "service-agent", project]
    yield ["bq", "show", "--encryption_service_account", f"--project_id={settings.project}"]
    for agent in (
        f"service-{number}@gcp-sa-aiplatform", f"service-{number}@gcp-sa-artifactregistry",
        f"service-{number}@gs-project-accounts", f"bq-{number}@bigquery-encryption",
    ):  # fmt: skip
        yield ["gcloud", "kms", "keys", "add-iam-policy-binding", settings.encryption_key,
               f"--member=serviceAccount:{agent}.iam.gserviceaccount.com",
               "--role=roles/cloudkms.cryptoKeyEncrypterDecrypter", *_QUIET]  # fmt: skip


def _places(settings: CloudSettings) -> Iterator[Command]:
    """The bucket, and the repositories of this project."""
    project, key = f"--project={settings.project}", settings.encryption_key
    yield ["gcloud", "storage", "buckets", "create", f"gs://{settings.bucket}", f"--location={settings.location}",
           "--uniform-bucket-level-access", "--enable-hierarchical-namespace", "--public-access-prevention", project,
           *([f"--default-encryption-key={key}"] if key else [])]  # fmt: skip
    if key:  # a bucket that was there already
        yield ["gcloud", "storage", "buckets", "update", f"gs://{settings.bucket}", f"--default-encryption-key={key}"]
    for location, owner, name in repositories(settings):
        if owner == settings.project:
            yield ["gcloud", "artifacts", "repositories", "create", name, "--repository-format=docker",
                   f"--location={location}", project, *([f"--kms-key={key}"] if key else [])]  # fmt: skip


def _account(settings: CloudSettings, wishes: Wishes) -> Iterator[Command]:
    """The service account with its roles; one of another project is there already."""
    account = account_of(settings)
    member, owner = f"--member=serviceAccount:{account}", settings.account_project
    if owner == settings.project:
        yield ["gcloud", "iam", "service-accounts", "create", account.split("@")[0], f"--project={owner}"]
    for role in PROJECT_ROLES:
        yield ["gcloud", "projects", "add-iam-policy-binding", settings.project, member, f"--role={role}", *_QUIET]
    yield ["gcloud", "storage", "buckets", "add-iam-policy-binding", f"gs://{settings.bucket}", member,
           "--role=roles/storage.objectUser"]  # fmt: skip
    # A custom job is started by the account, to run as the account.
    for acting in (f"serviceAccount:{account}", wishes.user):
        yield ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", account, f"--member={acting}",
               "--role=roles/iam.serviceAccountUser", f"--project={owner}", *_QUIET]  # fmt: skip
    for role, datasets in (("dataViewer", wishes.reads), ("dataEditor", wishes.writes)):
        for dataset in datasets:
            grant = f'GRANT `roles/bigquery.{role}` ON SCHEMA `{dataset}` TO "serviceAccount:{account}"'
            yield ["bq", "query", "--use_legacy_sql=false", f"--project_id={settings.project}", grant]


def _user(settings: CloudSettings, user: str) -> Iterator[Command]:
    member = f"--member={user}"
    for role in USER_ROLES:
        yield ["gcloud", "projects", "add-iam-policy-binding", settings.project, member, f"--role={role}", *_QUIET]
    for role in BUCKET_USER_ROLES:
        yield ["gcloud", "storage", "buckets", "add-iam-policy-binding", f"gs://{settings.bucket}", member,
               f"--role={role}"]  # fmt: skip


def _images(settings: CloudSettings, wishes: Wishes) -> Iterator[Command]:
    """Who may read the images: the account, who submits, and of another project's Vertex AI, which pulls them."""
    for location, owner, name in repositories(settings):
        members = [f"serviceAccount:{account_of(settings)}", wishes.user]
        if owner != settings.project:
            members.append(f"serviceAccount:service-{wishes.number}@gcp-sa-aiplatform.iam.gserviceaccount.com")
        for member in members:
            yield ["gcloud", "artifacts", "repositories", "add-iam-policy-binding", name, f"--location={location}",
                   f"--project={owner}", f"--member={member}", "--role=roles/artifactregistry.reader"]  # fmt: skip


def apply(planned: Sequence[Sequence[str]], say: Callable[[str], None]) -> None:
    """Run the commands in order; what exists already is no failure.

    Raises:
        SetupError: gcloud is not installed, or a command failed; those before it stay done.
    """
    for number, words in enumerate(planned, 1):
        say(f"[{number}/{len(planned)}] {shlex.join(words)}")
        try:
            # Nobody would see what it asks.
            done = subprocess.run(list(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise SetupError(f"{words[0]} is not installed. Next: https://cloud.google.com/sdk/docs/install") from error
        if done.returncode and not any(text in done.stderr for text in EXISTS):
            raise SetupError(
                f"{shlex.join(words)} failed: {' '.join(done.stderr.split())[-300:]}. "
                f"{number - 1} of {len(planned)} are done; the same command again goes on"
            )
