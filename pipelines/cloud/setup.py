"""What a project needs once: services, a service account with few roles, a bucket, a registry, perhaps a schedule."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence

from components.shared.errors import TandemError
from pipelines.cloud.preflight.online import SERVICES
from pipelines.cloud.settings import CloudSettings

MORE_SERVICES = (
    "cloudquotas.googleapis.com", "cloudresourcemanager.googleapis.com", "compute.googleapis.com", "iam.googleapis.com",
    "serviceusage.googleapis.com",
)  # fmt: skip
PROJECT_ROLES = (
    "roles/aiplatform.user", "roles/bigquery.jobUser", "roles/bigquery.dataViewer", "roles/logging.logWriter",
)  # fmt: skip
"""Of the service account: run jobs and register models, read tables, write logs. Files and images by role on one bucket
and one repository, not on the project."""
REPOSITORY = "tandem"
EXISTS = ("already exists", "ALREADY_EXISTS", "already own it")


class SetupError(TandemError):
    """A gcloud command failed."""


def commands(settings: CloudSettings, user: str, schedule: Sequence[str] = ()) -> list[list[str]]:
    """The gcloud commands, each safe to repeat.

    Args:
        settings: names project, region, bucket and account.
        user: who will submit, for example ``user:me@example.com``.
        schedule: name, pipeline and cron line of a first schedule; empty for none.
    """
    project, place = f"--project={settings.project}", f"--location={settings.location}"
    account = settings.service_account or f"tandem-pipelines@{settings.project}.iam.gserviceaccount.com"
    member = f"--member=serviceAccount:{account}"
    bucket = f"gs://{settings.bucket}"
    quiet = ["--condition=None", "--quiet", "--format=none"]
    out = [
        ["gcloud", "services", "enable", *SERVICES, *MORE_SERVICES, project],
        ["gcloud", "iam", "service-accounts", "create", account.split("@")[0], project],
        ["gcloud", "storage", "buckets", "create", bucket, place, "--uniform-bucket-level-access",
         "--enable-hierarchical-namespace", "--public-access-prevention", project],
        ["gcloud", "artifacts", "repositories", "create", REPOSITORY, "--repository-format=docker", place, project],
    ]  # fmt: skip
    for role in PROJECT_ROLES:
        out.append(["gcloud", "projects", "add-iam-policy-binding", settings.project, member, f"--role={role}", *quiet])
    out += [
        ["gcloud", "storage", "buckets", "add-iam-policy-binding", bucket, member, "--role=roles/storage.objectUser"],
        ["gcloud", "artifacts", "repositories", "add-iam-policy-binding", REPOSITORY, place, project, member,
         "--role=roles/artifactregistry.reader"],
        ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", account, f"--member={user}",
         "--role=roles/iam.serviceAccountUser", project],
        ["gcloud", "projects", "add-iam-policy-binding", settings.project, f"--member={user}",
         "--role=roles/aiplatform.user", *quiet],
    ]  # fmt: skip
    if schedule:
        name, pipeline, cron = schedule
        out.append(["python", "-m", "pipelines", "schedule", "create", name, pipeline, "--cron", cron])
    return out


def apply(planned: Sequence[Sequence[str]], say: Callable[[str], None]) -> None:
    """Run the commands in order; what exists already is no failure.

    Raises:
        SetupError: gcloud is not installed, or a command failed; those before it stay done.
    """
    for number, words in enumerate(planned, 1):
        say(f"[{number}/{len(planned)}] {shlex.join(words)}")
        try:
            done = subprocess.run(list(words), capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise SetupError(f"{words[0]} is not installed. Next: https://cloud.google.com/sdk/docs/install") from error
        if done.returncode and not any(text in done.stderr for text in EXISTS):
            raise SetupError(
                f"{shlex.join(words)} failed: {' '.join(done.stderr.split())[-300:]}. "
                f"{number - 1} of {len(planned)} are done; the same command again goes on"
            )
