"""The stand-in itself: the SDK, as it is, works against it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml

PROJECT, PLACE = "tandem-test", "europe-west4"
PARENT = f"projects/{PROJECT}/locations/{PLACE}"


@pytest.fixture
def sdk(vertex: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``google.cloud.aiplatform``, unpatched but for the look-up of the project's number, which asks Google itself."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform
    from google.cloud.aiplatform.utils import resource_manager_utils

    monkeypatch.setattr(resource_manager_utils, "get_project_number", lambda *_: 1)
    aiplatform.init(
        project=PROJECT, location=PLACE, credentials=AnonymousCredentials(), api_endpoint=vertex.server.url,
        api_transport="rest", staging_bucket="gs://tandem-test",
    )  # fmt: skip
    yield aiplatform
    aiplatform.initializer.global_config._credentials = None


def test_models_have_versions_and_aliases_that_move(sdk: Any) -> None:
    first = sdk.Model.upload(
        display_name="soy", model_id="soy", artifact_uri="gs://tandem-test/a", serving_container_image_uri="a.b/c:1"
    )
    second = sdk.Model.upload(
        display_name="soy", parent_model=first.resource_name, artifact_uri="gs://tandem-test/b",
        serving_container_image_uri="a.b/c:1", version_aliases=["champion"], is_default_version=False,
    )  # fmt: skip
    assert (first.version_id, second.version_id) == ("1", "2")
    assert sdk.Model("soy@champion").version_id == "2"
    second.versioning_registry.add_version_aliases(["champion"], version="1")
    assert sdk.Model("soy@champion").version_id == "1"
    assert len(list(second.versioning_registry.list_versions())) == 2


def test_two_models_share_the_traffic_of_an_endpoint(sdk: Any, vertex: Any) -> None:
    model = sdk.Model.upload(display_name="soy", model_id="soy", serving_container_image_uri="a.b/c:1")
    endpoint = sdk.Endpoint.create(display_name="soy")
    for share in (100, 20):
        endpoint.deploy(model, machine_type="n1-standard-2", traffic_percentage=share)
    assert sorted(vertex.existing(endpoint.resource_name).traffic_split.values()) == [20, 80]


def test_jobs_of_every_kind_are_made_listed_and_cancelled(sdk: Any, vertex: Any) -> None:
    pool = [{
        "machine_spec": {"machine_type": "ct5lp-hightpu-4t", "tpu_topology": "2x2"},
        "replica_count": 1, "container_spec": {"image_uri": "a.b/c:1"},
    }]  # fmt: skip
    job = sdk.CustomJob(display_name="tpu", worker_pool_specs=pool)
    job.submit(scheduling_strategy=sdk.compat.types.custom_job.Scheduling.Strategy.SPOT)
    assert vertex.existing(job.resource_name).job_spec.worker_pool_specs[0].machine_spec.tpu_topology == "2x2"
    job.cancel()
    study = sdk.HyperparameterTuningJob(
        display_name="tune", custom_job=job, metric_spec={"loss": "minimize"},
        parameter_spec={"lr": sdk.hyperparameter_tuning.DoubleParameterSpec(min=1e-4, max=1, scale="log")},
        max_trial_count=2, parallel_trial_count=1,
    )  # fmt: skip
    with contextlib.suppress(RuntimeError):
        study.run(sync=False)
        study.wait_for_resource_creation()
    vertex.existing(study.resource_name).state = 4
    predicting = sdk.BatchPredictionJob.submit(
        job_display_name="batch",
        model_name=f"{PARENT}/models/1",
        gcs_source="gs://a/b",
        gcs_destination_prefix="gs://a/c",
    )
    assert [found.display_name for found in sdk.CustomJob.list()] == ["tpu"]
    assert [found.display_name for found in sdk.BatchPredictionJob.list()] == ["batch"]
    assert predicting.resource_name in vertex.resources


def test_an_experiment_keeps_parameters_and_metrics(sdk: Any) -> None:
    sdk.init(experiment="tandem-experiment", experiment_tensorboard=False)
    with sdk.start_run("run-1"):
        sdk.log_params({"epochs": 3})
        sdk.log_metrics({"rmse": 3.6})
    kept = sdk.ExperimentRun("run-1", experiment="tandem-experiment")
    assert (kept.get_params(), kept.get_metrics()) == ({"epochs": 3.0}, {"rmse": 3.6})


def test_pages_faults_and_what_is_refused(vertex: Any) -> None:
    from google.api_core import exceptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform_v1

    from cloud.server import Fault

    client = aiplatform_v1.PipelineServiceClient(
        credentials=AnonymousCredentials(), transport="rest", client_options={"api_endpoint": vertex.server.url}
    )
    spec = yaml.safe_load(MINIMAL)
    for number in range(5):
        job = {"pipeline_spec": spec, "runtime_config": {"gcs_output_directory": "gs://bucket/root"}}
        client.create_pipeline_job(parent=PARENT, pipeline_job=job, pipeline_job_id=f"job-{number}")
    listed = client.list_pipeline_jobs(request={"parent": PARENT, "page_size": 2})
    assert [job.name.split("-")[-1] for job in listed] == list("01234")
    with pytest.raises(exceptions.Conflict):
        client.create_pipeline_job(parent=PARENT, pipeline_job=job, pipeline_job_id="job-1")
    with pytest.raises(exceptions.BadRequest, match="no field named"):
        client.create_pipeline_job(parent=PARENT, pipeline_job={**job, "pipeline_spec": {**spec, "speling": 1}})
    vertex.server.forget()
    vertex.server.faults = {0: Fault("503", retry_after="1")}
    with pytest.raises(exceptions.ServiceUnavailable) as caught:
        client.get_pipeline_job(name=f"{PARENT}/pipelineJobs/job-1")
    assert caught.value.response.headers["Retry-After"] == "1"


MINIMAL = """
pipelineInfo: {name: minimal}
schemaVersion: 2.1.0
sdkVersion: kfp-2.13.0
root: {dag: {tasks: {say: {componentRef: {name: comp-say}, taskInfo: {name: say}}}}}
components: {comp-say: {executorLabel: exec-say}}
deploymentSpec: {executors: {exec-say: {container: {image: "python:3.11", command: [echo, hello]}}}}
"""
