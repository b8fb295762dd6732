"""What only Google can tell: bucket, images, services, permissions, quota, and what a query would bill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from components.shared import retrying
from components.shared.errors import InputError, TandemError
from pipelines.cloud import google_tasks, machines, query
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google
from pipelines.cloud.preflight import registry
from pipelines.cloud.preflight.containers import image_names, serving_images
from pipelines.cloud.settings import CloudSettings
from pipelines.cloud.vertex import bucket_role, missing_bucket

SERVICES = {
    "aiplatform.googleapis.com": "Vertex AI",
    "storage.googleapis.com": "Cloud Storage",
    "artifactregistry.googleapis.com": "Artifact Registry",
    "bigquery.googleapis.com": "BigQuery",
}
PERMISSIONS = (
    "aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get", "aiplatform.pipelineJobs.list",
    "aiplatform.models.upload", "aiplatform.models.list", "aiplatform.schedules.create",
)  # fmt: skip


@dataclass
class Inquiry:
    """Whom to ask about what, and what was found out.

    What could not be asked is a note, because a submission may still work.
    """

    assembly: Assembly
    settings: CloudSettings
    google: Google
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(assembly: Assembly, settings: CloudSettings, google: Google) -> Inquiry:
    """Ask everything; a question that is refused stops no other."""
    found = Inquiry(assembly, settings, google)
    for what, question in QUESTIONS.items():
        try:
            question(found)
        except TandemError as error:
            if "application-default login" in str(error):  # nothing else can be asked either
                found.problems.append(str(error))
                break
            found.notes.append(f"{what} could not be checked: {error}")
    return found


def _bucket(ask: Inquiry) -> None:
    name, key = ask.settings.bucket, ask.settings.encryption_key
    bucket = ask.google.storage.bucket(name)
    hints = {403: bucket_role(name, "roles/storage.legacyBucketReader")}
    try:
        there = retrying.call("looking for the bucket", lambda: bucket.exists(retry=None), hints=hints)
    except TandemError as error:
        if retrying.status(error.__cause__ or error) != 403:
            raise
        ask.problems.append(f"root: {error}")  # a submission looks for it too, and would end there
        return
    if not there:
        ask.problems.append(missing_bucket(name, ask.settings.location))
        return
    retrying.call("reading the bucket", lambda: bucket.reload(retry=None), hints=hints)
    if key and not bucket.default_kms_key_name:
        ask.problems.append(
            f"root: what runs write to gs://{name} would not be encrypted with encryption_key, because the bucket "
            f"has no key of its own. Next: gcloud storage buckets update gs://{name} --default-encryption-key={key}"
        )
    where = (bucket.location or "").lower()
    near = {ask.settings.location, ask.settings.location.split("-")[0][:2], ""}
    if where not in near and not (where == "eu" and ask.settings.location.startswith("europe")):
        ask.problems.append(
            f"root: bucket gs://{name} is in {where}, runs are in {ask.settings.location}, and "
            "every byte between "
            f"them is paid for. Next: another root in cloud.yaml, or location: {where}"
        )
    if not bucket.hierarchical_namespace_enabled:
        ask.notes.append(
            f"bucket gs://{name} has no hierarchical namespace: stages finish a folder by "
            "renaming it, which a "
            "mounted flat bucket may refuse. docs/vertex-setup.md says how to make one that has"
        )


def _images(ask: Inquiry) -> None:
    for image in dict.fromkeys([*image_names(ask.assembly.spec), *serving_images(ask.assembly)]):
        if "@sha256:" not in image or image.startswith(google_tasks.PUBLIC):
            continue
        if not registry.asked(image):
            ask.notes.append(f"whether {image} exists was not asked: only Google's registries are")
        elif not registry.has(image, ask.google):
            ask.problems.append(
                f"image {image} is not in its registry, or may not be seen (which takes "
                f"roles/artifactregistry.reader). Next: gcloud artifacts docker images describe {image}"
            )


def _role(ask: Inquiry, role: str) -> dict[int, str]:
    """What to type where a question is forbidden."""
    return {403: f"Next: gcloud projects add-iam-policy-binding {ask.settings.project} --member=user:YOU --role={role}"}


def _services(ask: Inquiry) -> None:
    names = "&".join(f"names=projects/{ask.settings.project}/services/{name}" for name in SERVICES)
    path = f"v1/projects/{ask.settings.project}/services:batchGet?{names}"
    answer = retrying.call(
        "asking for the services",
        lambda: ask.google.rest("GET", "serviceusage", path),
        hints=_role(ask, "roles/serviceusage.serviceUsageViewer"),
    )
    off = [each["name"].split("/")[-1] for each in answer.get("services", []) if each.get("state") != "ENABLED"]
    ask.problems += [
        f"{SERVICES.get(name, name)} is switched off. Next: gcloud services enable {name} --project "
        f"{ask.settings.project}"
        for name in off
    ]


def _permissions(ask: Inquiry) -> None:
    path, body = f"v3/projects/{ask.settings.project}:testIamPermissions", {"permissions": list(PERMISSIONS)}
    answer = retrying.call(
        "asking for permissions",
        lambda: ask.google.rest("POST", "cloudresourcemanager", path, body),
        hints=_role(ask, "roles/browser"),
    )
    missing = [each for each in PERMISSIONS if each not in answer.get("permissions", [])]
    if missing:
        ask.problems.append(
            f"you lack {', '.join(missing)}. Next: gcloud projects add-iam-policy-binding {ask.settings.project} "
            "--member=user:YOU --role=roles/aiplatform.user"
        )


def _account(ask: Inquiry) -> None:
    account = ask.settings.service_account
    if not account:
        ask.notes.append("no service_account: runs use Compute Engine's default one, which may do more than they need")
        return
    owner = ask.settings.account_project
    path = f"v1/projects/{owner}/serviceAccounts/{account}"
    act = (
        f"Next: gcloud iam service-accounts add-iam-policy-binding {account} --project={owner} --member=user:YOU "
        "--role=roles/iam.serviceAccountUser"
    )
    if owner != ask.settings.project:
        ask.notes.append(
            f"service_account is of project {owner}: Vertex AI's service agent of {ask.settings.project} must be "
            "allowed to act as it, and the organisation must not forbid it (iam.disableCrossProjectServiceAccountUsage)"
        )
    try:
        retrying.call(f"looking for {account}", lambda: ask.google.rest("GET", "iam", path), hints={403: act})
    except TandemError as error:
        if retrying.status(error.__cause__ or error) != 404:
            raise
        ask.problems.append(
            f"service_account: there is no {account}. Next: gcloud iam service-accounts create "
            f"{account.split('@')[0]} --project {owner}"
        )
        return
    body = {"permissions": ["iam.serviceAccounts.actAs"]}
    answer = retrying.call(
        "asking to act as it", lambda: ask.google.rest("POST", "iam", f"{path}:testIamPermissions", body)
    )
    if not answer.get("permissions"):
        ask.problems.append(f"you may not act as {account}. {act}")


def _quota(ask: Inquiry) -> None:
    profile = ask.assembly.profile
    machine = machines.get(profile.machine)
    tpu = machine.tpu if machine else ""
    kind = profile.accelerator or tpu
    if not kind:
        return
    needed = profile.workers * (profile.accelerators or _chips(profile.topology))
    path = f"v1/projects/{ask.settings.project}/locations/global/services/aiplatform.googleapis.com/quotaInfos"
    answer = retrying.call(
        "reading the quota",
        lambda: ask.google.rest("GET", "cloudquotas", path),
        hints=_role(ask, "roles/cloudquotas.viewer"),
    )
    short = kind.removeprefix("NVIDIA_").removeprefix("TESLA_").lower()
    wanted = {f"custommodeltraining{'preemptible' if spot else ''}{short}" for spot in (profile.spot,)}
    for info in answer.get("quotaInfos", []):
        if not any(_plain(info["quotaId"]).startswith(_plain(name)) for name in wanted):
            continue
        for dimension in info.get("dimensionsInfos", []):
            limit = int(dimension.get("details", {}).get("value", -1))
            if ask.settings.location in dimension.get("applicableLocations", []) and 0 <= limit < needed:
                ask.problems.append(
                    f"quota {info['quotaId']} in {ask.settings.location} is {limit}, and the profile needs "
                    f"{needed}. Next: "
                    f"https://console.cloud.google.com/iam-admin/quotas?project={ask.settings.project}"
                )


def _data(ask: Inquiry) -> None:
    try:
        billed = query.bytes_billed(ask.assembly.parameters, ask.google)
    except TandemError as error:
        # What is malformed or absent is so for the run as well; what you may not see, its account perhaps may.
        missing = retrying.status(error.__cause__ or error) in (400, 404)
        if not (missing or isinstance(error, InputError)):
            raise
        ask.problems.append(f"ingest.source: {error}")
        return
    if billed is None:
        return
    ask.notes.append(f"reading the whole source would bill {billed:,} bytes")
    if billed > (allowed := query.limit(ask.assembly.parameters)):
        ask.notes.append(
            f"that is more than ingest.source.maximum_bytes_billed ({allowed:,}): ingest stops unless its "
            "columns, start, "
            "end and filter make it less"
        )


QUESTIONS: dict[str, Callable[[Inquiry], None]] = {
    "the bucket": _bucket, "images": _images, "services": _services, "permissions": _permissions,
    "the service account": _account, "quota": _quota, "data": _data,
}  # fmt: skip


def _chips(topology: str) -> int:
    chips = 1
    for side in topology.split("x"):
        chips *= int(side or 1)
    return chips


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
