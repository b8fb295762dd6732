"""Runs on Vertex AI Pipelines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.shared import retrying
from components.shared.errors import InputError
from pipelines.cloud import runs
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google
from pipelines.cloud.runs import RunState, State, Submitted, TaskState

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1

_STATES = {
    "QUEUED": State.PENDING, "PENDING": State.PENDING, "RUNNING": State.RUNNING, "SUCCEEDED": State.SUCCEEDED,
    "FAILED": State.FAILED, "CANCELLING": State.RUNNING, "CANCEL_PENDING": State.RUNNING, "CANCELLED": State.CANCELLED,
    "PAUSED": State.PENDING, "SKIPPED": State.SKIPPED, "NOT_TRIGGERED": State.SKIPPED,
}  # fmt: skip


class VertexServer:
    """Starts runs and follows them; see :class:`pipelines.cloud.runs.Server`."""

    def __init__(self, google: Google) -> None:
        self.google, self.settings = google, google.settings

    def submit(self, assembly: Assembly, run: str) -> Submitted:
        """Keep the spec in the bucket, then create the job; both under names that a second attempt finds again."""
        request = run.removeprefix(f"{runs.slug(assembly.name)}-")
        self._need_bucket()
        keep_spec(self.google, assembly)
        job = message(self.google, assembly, runs.labels(assembly, request, self.settings.labels))
        name = f"{self.settings.parent}/pipelineJobs/{run}"
        created = retrying.call(f"submitting {run}", lambda: self._create(job, run, name))
        return Submitted(run, self.link(run), created)

    def state(self, name: str) -> RunState:
        resource = f"{self.settings.parent}/pipelineJobs/{name}"
        hints = {404: f"no run has this name in {self.settings.parent}"}
        job = retrying.call(f"looking at {name}", lambda: self._get(resource), hints=hints)
        tasks = {task.task_name: _task(task) for task in job.job_detail.task_details if task.task_name != name}
        return RunState(_state(job.state.name), tasks, job.error.message)

    def cancel(self, name: str) -> None:
        resource = f"{self.settings.parent}/pipelineJobs/{name}"
        retrying.call(
            f"cancelling {name}", lambda: self.google.pipelines.cancel_pipeline_job(name=resource, retry=None)
        )

    def link(self, run: str) -> str:
        """Where the run is seen in the console."""
        place, project = self.settings.location, self.settings.project
        return f"https://console.cloud.google.com/vertex-ai/locations/{place}/pipelines/runs/{run}?project={project}"

    def _create(self, job: aiplatform_v1.PipelineJob, run: str, name: str) -> bool:
        try:
            self.google.pipelines.create_pipeline_job(
                parent=self.settings.parent, pipeline_job=job, pipeline_job_id=run, retry=None
            )
        except Exception as error:
            if not retrying.conflict(error):
                raise
            # An earlier attempt got through; anything else with this name is another request's.
            _same(self._get(name), job, run)
            return False
        return True

    def _get(self, name: str) -> aiplatform_v1.PipelineJob:
        return self.google.pipelines.get_pipeline_job(name=name, retry=None)

    def _need_bucket(self) -> None:
        bucket = self.google.storage.bucket(self.settings.bucket)
        hints = {403: bucket_role(self.settings.bucket, "roles/storage.legacyBucketReader")}
        there = retrying.call(f"looking for {self.settings.bucket}", lambda: bucket.exists(retry=None), hints=hints)
        if not there:
            raise InputError(missing_bucket(self.settings.bucket, self.settings.location))


def missing_bucket(bucket: str, location: str) -> str:
    """Nothing makes a bucket by surprise: whose it is and where is not for a submission to decide."""
    return (
        f"root: there is no bucket gs://{bucket}. Next: gcloud storage buckets create gs://{bucket} "
        f"--location={location} --uniform-bucket-level-access --enable-hierarchical-namespace"
    )


def bucket_role(bucket: str, role: str) -> str:
    """What gives somebody a role on a bucket."""
    grant = f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=user:YOU --role={role}"
    return f"you need {role}. Next: {grant}"


def keep_spec(google: Google, assembly: Assembly) -> str:
    """Put the spec into the bucket under its digest, where anybody can read later what a run was.

    Returns:
        Its address.
    """
    settings = google.settings
    path = f"{settings.prefix}specs/{runs.slug(assembly.name)}/{assembly.digest}.json"
    blob = google.storage.bucket(settings.bucket).blob(path)

    def upload() -> None:
        try:
            blob.upload_from_string(assembly.text, "application/json", if_generation_match=0, retry=None)
        except Exception as error:
            if not retrying.conflict(error):  # the same digest is the same content
                raise

    hints = {
        403: bucket_role(settings.bucket, "roles/storage.objectUser"),
        404: missing_bucket(settings.bucket, settings.location),
    }
    retrying.call(f"uploading the spec to gs://{settings.bucket}/{path}", upload, hints=hints)
    return f"gs://{settings.bucket}/{path}"


def message(google: Google, assembly: Assembly, labels: Mapping[str, str]) -> aiplatform_v1.PipelineJob:
    """The job as Vertex AI takes it."""
    from google.cloud import aiplatform_v1

    settings = google.settings
    policy = aiplatform_v1.PipelineFailurePolicy[f"PIPELINE_FAILURE_POLICY_FAIL_{settings.failure_policy.upper()}"]
    values: dict[str, Any] = {
        "display_name": f"{assembly.name} {assembly.config} {assembly.profile_name}".replace("  ", " ")[:128],
        "pipeline_spec": json.loads(assembly.text),
        "labels": dict(labels),
        "runtime_config": {
            "gcs_output_directory": settings.root,
            "parameter_values": assembly.parameters,
            "failure_policy": policy,
        },
        "service_account": settings.service_account,
        "network": settings.network,
        "reserved_ip_ranges": list(settings.reserved_ip_ranges),
    }
    if settings.network_attachment:
        values["psc_interface_config"] = {"network_attachment": settings.network_attachment}
    if settings.encryption_key:
        values["encryption_spec"] = {"kms_key_name": settings.encryption_key}
    return aiplatform_v1.PipelineJob(values)


def _same(there: aiplatform_v1.PipelineJob, wanted: aiplatform_v1.PipelineJob, run: str) -> None:
    if there.labels.get("tandem_spec") != wanted.labels["tandem_spec"]:
        raise InputError(f"a run named {run} exists with another spec. Next: choose another --request-id")
    have, want = there.runtime_config.parameter_values, wanted.runtime_config.parameter_values
    other = sorted(name for name in want if name not in have or have[name] != want[name])
    if other:
        raise InputError(
            f"a run named {run} exists with other values of {', '.join(other)}. Next: choose another --request-id"
        )


def _state(name: str) -> State:
    return _STATES.get(name.removeprefix("PIPELINE_STATE_"), State.PENDING)


def _task(task: aiplatform_v1.PipelineTaskDetail) -> TaskState:
    seconds = 0.0
    if task.start_time and task.end_time:
        seconds = (task.end_time - task.start_time).total_seconds()
    return TaskState(_state(task.state.name), seconds, task.error.message)
