"""What Vertex AI refuses about pipeline jobs and schedules: bodies are parsed as strictly as the service does it."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from cloud.server import Refusal


def check_job(job: Any) -> None:
    """Refuse a job whose spec is not a PipelineSpec, or whose deployment part is not a PipelineDeploymentConfig."""
    spec = json_format.MessageToDict(job.pipeline_spec)
    deployment = spec.get("deploymentSpec", {})
    try:
        parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        config = json_format.ParseDict(deployment, pipeline_spec_pb2.PipelineDeploymentConfig())
    except json_format.ParseError as error:
        raise Refusal(400, f"invalid pipeline spec: {error}") from error
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,127}", parsed.pipeline_info.name):
        raise Refusal(400, f"invalid pipeline name {parsed.pipeline_info.name!r}")
    if not re.match(r"gs://[a-z0-9]", job.runtime_config.gcs_output_directory):
        raise Refusal(400, "runtime_config.gcs_output_directory must be a Cloud Storage address")
    for key, value in job.labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise Refusal(400, f"invalid label {key}={value}")
    missing = [
        component
        for component in parsed.components.values()
        if component.executor_label and component.executor_label not in config.executors
    ]
    if missing:
        raise Refusal(400, f"executor {missing[0].executor_label} is not defined")
    for name, item in parsed.root.input_definitions.parameters.items():
        if (
            not item.HasField("default_value")
            and not item.is_optional
            and name not in job.runtime_config.parameter_values
        ):
            raise Refusal(400, f"missing required parameter {name}")


def check_schedule(schedule: Any) -> None:
    """Refuse a schedule with a bad cron line, or whose job the service would refuse."""
    words = schedule.cron.split()
    if words and words[0].startswith(("TZ=", "CRON_TZ=")):
        words = words[1:]
    if len(words) != 5:
        raise Refusal(400, f"invalid cron {schedule.cron!r}: expected 5 fields")
    if not schedule.max_concurrent_run_count:
        raise Refusal(400, "max_concurrent_run_count is required")
    check_job(schedule.create_pipeline_job_request.pipeline_job)
