"""Google's custom jobs: one made from a component runs that component here, others are refused by name."""

import pytest
from kfp import dsl

from local_runner.errors import PlanError

google = pytest.importorskip("google_cloud_pipeline_components.v1.custom_job")


def test_the_component_inside_is_run(execute, parts):
    job = google.create_custom_training_job_from_component(parts.add, machine_type="n1-standard-4")

    @dsl.pipeline
    def pipeline() -> int:
        return job(project="p", location="l", a=1, b=2).outputs["Output"]

    assert execute(pipeline).outputs == {"Output": 3}


def test_its_artifacts_and_what_is_asked_of_the_machine(execute, parts):
    job = google.create_custom_training_job_from_component(
        parts.write, machine_type="g2-standard-4", accelerator_type="NVIDIA_L4", accelerator_count=1, replica_count=2
    )

    @dsl.pipeline
    def pipeline() -> str:
        return parts.read(data=job(project="p", location="l", text="inside").outputs["out"]).output

    assert execute(pipeline).outputs == {"Output": "inside"}


def test_others_are_refused_by_name_or_replaced(execute):
    @dsl.pipeline
    def pipeline():
        google.CustomTrainingJobOp(project="p", location="l", display_name="d", worker_pool_specs=[])

    with pytest.raises(PlanError, match=r"custom-training-job is a Google Cloud component.*--stub"):
        execute(pipeline)
    run = execute(pipeline, stubs={"custom-training-job": {"gcp_resources": "none"}})
    assert run.tasks["custom-training-job"].outputs == {"gcp_resources": "none"}
