"""Submitting to Vertex AI: what arrives there, that nothing is done twice, and how a run is followed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from cloud.whole import Cloud


def the_job(cloud: Cloud) -> Any:
    (job,) = cloud.vertex.of("pipelineJobs").values()
    return job


def test_what_was_asked_for_arrives(cloud: Cloud) -> None:
    key = "projects/tandem-test/locations/us-central1/keyRings/r/cryptoKeys/k"
    cloud.storage.keys[cloud.bucket] = key
    cloud.change(
        network="projects/1/global/networks/n", encryption_key=key, labels={"team": "soy"}, failure_policy="fast",
        notify=["me@example.com"], caching=False,
    )  # fmt: skip
    words = ["--config", "gru_3m", "--profile", "l4", "--param", "seed=7", "--request-id", "one"]
    done = cloud.type("submit", "forecasting", *words)
    assert done.exit_code == 0, done.output
    job = the_job(cloud)
    assert job.name.endswith("/pipelineJobs/forecasting-one")
    assert (job.service_account, job.network, job.encryption_spec.kms_key_name) == (
        cloud.settings["service_account"], "projects/1/global/networks/n", key,
    )  # fmt: skip
    labels = dict(job.labels)
    assert (labels["team"], labels["tandem_profile"], labels["tandem_config"]) == ("soy", "l4", "gru-3m")
    assert job.runtime_config.failure_policy == 2
    values = job.runtime_config.parameter_values
    assert values["seed"].number_value == 7
    assert values["preprocess"].struct_value["horizon"] == "3m"
    assert values["register"].struct_value["registry"]["kind"] == "vertex"
    tasks = job.pipeline_spec["root"]["dag"]["tasks"]
    assert list(tasks) == ["exit-handler-1", "vertex-pipelines-notification-email"]
    body = job.pipeline_spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert all("enableCache" not in dict(task["cachingOptions"]) for task in body.values())
    console = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/forecasting-one"
    assert console in done.output
    (spec,) = [name for name in cloud.storage.names(cloud.bucket) if name.startswith("runs/specs/")]
    kept = json.loads(cloud.storage.client().bucket(cloud.bucket).blob(spec).download_as_bytes())
    assert kept["pipelineInfo"]["name"] == "forecasting"


def test_one_request_is_one_run(cloud: Cloud) -> None:
    typed = ("submit", "forecasting", "--request-id", "same")
    first, second = cloud.type(*typed), cloud.type(*typed)
    assert "submitted: forecasting-same" in first.output
    assert "was submitted already: forecasting-same" in second.output
    assert len(cloud.vertex.of("pipelineJobs")) == 1
    values = cloud.type(*typed, "--param", "seed=2", "--set", "train.epochs=3")
    assert (values.exit_code, "exists with other values of seed, train. Next: choose" in values.stderr) == (2, True)
    other = cloud.type(*typed, "--profile", "l4")
    assert (other.exit_code, "exists with another spec. Next: choose another --request-id" in other.stderr) == (2, True)


def test_a_bucket_is_never_made_by_surprise(cloud: Cloud) -> None:
    cloud.change(root="gs://tandem-absent-bucket/x")
    done = cloud.type("submit", "forecasting")
    assert done.exit_code == 2
    assert "gcloud storage buckets create gs://tandem-absent-bucket --location=us-central1" in done.stderr
    assert not cloud.vertex.of("pipelineJobs")
    assert "tandem-absent-bucket" not in [bucket.name for bucket in cloud.storage.client().list_buckets()]


def test_a_dry_run_sends_nothing(cloud: Cloud, tmp_path: Path) -> None:
    out = tmp_path / "spec.yaml"
    done = cloud.type("submit", "forecasting", "--profile", "tpu-v5e-4", "--dry-run", "--out", str(out))
    assert done.exit_code == 0
    assert [len(server.seen) for server in cloud.servers] == [0, 0, 0]
    assert "nothing was sent" in done.output
    assert yaml.safe_load(out.read_text())["pipelineInfo"]["name"] == "forecasting"


def test_long_names_of_files_fit_into_labels(cloud: Cloud) -> None:
    profile = cloud.folder / f"{'a-profile-with-a-long-name-' * 4}.yaml"
    profile.write_text("description: long")
    done = cloud.type("submit", "forecasting", "--profile", str(profile), "--request-id", "long")
    assert done.exit_code == 0, done.stderr
    assert len(the_job(cloud).labels["tandem_profile"]) == 63


def test_more_than_it_may_cost_is_refused(cloud: Cloud) -> None:
    done = cloud.type("submit", "forecasting", "--profile", "h100x8", "--hours", "10", "--max-cost", "100")
    assert done.exit_code == 2
    assert "is above the limit of $100.00. Next: a smaller --profile" in done.stderr
    assert not cloud.vertex.of("pipelineJobs")


@pytest.mark.parametrize(
    ("how", "code", "expected"),
    [
        ("succeed", 0, ["add: started", "add: succeeded in", "work: succeeded", "small-r: succeeded after"]),
        ("fail", 1, ["add: succeeded in", "work: failed", "no good came of 3", "small-r: failed after"]),
    ],
    ids=["success", "failure"],
)
def test_a_run_is_shown_live_and_ends_with_its_exit_code(
    cloud: Cloud, small: Path, how: str, code: int, expected: list[str]
) -> None:
    from cloud.execution import by_local_runner

    cloud.vertex.on_job = by_local_runner(cloud.folder)
    done = submit_small(cloud, small, how)
    assert done.exit_code == code, done.output
    for text in expected:
        assert text in done.output


def test_a_cancelled_run_ends_with_one(cloud: Cloud, small: Path) -> None:
    from cloud.execution import by_local_runner

    cloud.vertex.on_job = by_local_runner(cloud.folder)

    def cancel() -> None:
        while "work" not in tasks_of(cloud):
            time.sleep(0.05)
        assert cloud.type("cancel", "small-r").exit_code == 0

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    done = submit_small(cloud, small, "hang")
    thread.join()
    assert (done.exit_code, "small-r: cancelled after" in done.output) == (1, True), done.output


def tasks_of(cloud: Cloud) -> set[str]:
    jobs = cloud.vertex.of("pipelineJobs").values()
    return {task.task_name for job in jobs for task in job.job_detail.task_details}


def submit_small(cloud: Cloud, small: Path, how: str) -> Any:
    return cloud.type(
        "submit", str(small), "--param", f"how={how}", "--request-id", "r", "--wait", "--poll", "0.05", "--hours", "1"
    )


def test_looking_again_at_a_run_that_is_over(cloud: Cloud) -> None:
    cloud.type("submit", "forecasting", "--request-id", "w")
    the_job(cloud).state = 4
    assert cloud.type("wait", "forecasting-w").exit_code == 0
    absent = cloud.type("wait", "forecasting-x")
    assert (absent.exit_code, "no run has this name" in absent.stderr) == (1, True)


def test_a_dry_run_loads_neither_cloud_client_nor_framework(cloud: Cloud) -> None:
    code = (
        "import sys; from pipelines.__main__ import main;"
        "main(['submit', 'forecasting', '--profile', 'l4', '--dry-run'], standalone_mode=False);"
        "print(sorted({'tensorflow', 'google.cloud.aiplatform_v1', 'google.cloud.aiplatform', 'pandas', 'sklearn'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cloud.folder)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_pipeline_on_every_profile_is_taken(cloud: Cloud) -> None:
    from pipelines import experiments
    from pipelines.cloud import assembly, profiles, runs, settings, submission, vertex
    from pipelines.cloud.google import Google

    read = settings.read()
    google = Google(read)
    for pipeline in experiments.PIPELINES:
        for profile in profiles.names():
            made = assembly.assemble(pipeline, profile=profile, settings=read)
            run = runs.run_name(made, profile)
            submission.submit(submission.Request(made, read, run), vertex.VertexServer(google), lambda _: None)
    assert len(cloud.vertex.of("pipelineJobs")) == len(experiments.PIPELINES) * len(profiles.names())
    assert re.match("projects/", next(iter(cloud.vertex.of("pipelineJobs"))))
