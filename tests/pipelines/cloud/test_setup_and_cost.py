"""Setting a project up, and what runs are estimated to cost."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cloud.whole import Cloud

USER = ("setup", "--user", "user:me@example.com")


def fake_gcloud(folder: Path, body: str) -> None:
    """A program named gcloud, first on the path, that writes down what it is asked."""
    path = folder / "bin" / "gcloud"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked.txt\n{body}\n')
    path.chmod(0o755)


def test_commands_are_printed_and_grant_no_role_on_everything(cloud: Cloud) -> None:
    done = cloud.type(*USER, "--schedule", "daily", "forecasting", "0 6 * * *")
    lines = done.output.splitlines()
    assert lines[0].startswith("gcloud services enable aiplatform.googleapis.com")
    assert any("--enable-hierarchical-namespace" in line and f"gs://{cloud.bucket}" in line for line in lines)
    assert lines[-1] == "python -m pipelines schedule create daily forecasting --cron '0 6 * * *'"
    assert not {word for line in lines for word in line.split()} & {"--role=roles/owner", "--role=roles/editor"}
    assert "roles/storage" not in "".join(line for line in lines if "projects add-iam" in line)


def test_a_command_that_asks_something_does_not_wait_for_an_answer(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gcloud(cloud.folder, 'read answer || { echo "cannot prompt" >&2; exit 1; }')
    monkeypatch.setenv("PATH", f"{cloud.folder}/bin:/usr/bin:/bin")
    done = cloud.type(*USER, "--apply")
    assert (done.exit_code, "cannot prompt" in done.stderr) == (1, True)


def test_commands_are_run_and_what_exists_is_no_failure(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcloud(cloud.folder, 'echo "ALREADY_EXISTS: it already exists" >&2; exit 1')
    monkeypatch.setenv("PATH", f"{cloud.folder}/bin:/usr/bin:/bin")
    assert cloud.type(*USER, "--apply").exit_code == 0
    printed = cloud.type(*USER).output.splitlines()
    assert (cloud.folder / "asked.txt").read_text().splitlines() == [line.removeprefix("gcloud ") for line in printed]


def test_a_command_that_fails_says_how_far_it_got(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcloud(cloud.folder, 'case "$1" in artifacts) echo "PERMISSION_DENIED" >&2; exit 1;; esac')
    monkeypatch.setenv("PATH", f"{cloud.folder}/bin:/usr/bin:/bin")
    done = cloud.type(*USER, "--apply")
    assert done.exit_code == 1
    assert re.search(r"PERMISSION_DENIED\. \d+ of \d+ are done; the same command again goes on", done.stderr)


KEY = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
IMAGE = f"us-docker.pkg.dev/images/prod/cpu@sha256:{'1' * 64}"
MEMBER = "serviceAccount:tandem-pipelines@tandem-test.iam.gserviceaccount.com"


def granted(lines: list[str], member: str) -> set[str]:
    return {word.removeprefix("--role=") for line in lines if f"--member={member} " in f"{line} "
            for word in line.split() if word.startswith("--role=")}  # fmt: skip


def test_who_submits_gets_what_submitting_asks_for(cloud: Cloud) -> None:
    lines = cloud.type(*USER).output.splitlines()
    assert granted(lines, "user:me@example.com") == {
        "roles/aiplatform.user", "roles/artifactregistry.reader", "roles/cloudquotas.viewer",
        "roles/iam.serviceAccountUser", "roles/serviceusage.serviceUsageViewer", "roles/storage.legacyBucketReader",
        "roles/storage.objectUser",
    }  # fmt: skip
    # Storage Read needs sessions, and a custom job that runs as the account is started by it.
    assert granted(lines, MEMBER) >= {"roles/bigquery.readSessionUser", "roles/iam.serviceAccountUser"}
    assert "roles/bigquery.dataViewer" not in granted(lines, MEMBER)


def test_data_is_granted_by_the_dataset(cloud: Cloud) -> None:
    lines = cloud.type(*USER, "--reads", "tandem-test.market", "--writes", "tandem-test.out").output.splitlines()
    grants = [line for line in lines if line.startswith("bq query")]
    assert [f"{role}` ON SCHEMA `{name}`" in line for line, role, name in zip(
        grants, ["dataViewer", "dataEditor"], ["tandem-test.market", "tandem-test.out"], strict=True
    )] == [True, True]  # fmt: skip


def test_a_key_of_ones_own_is_on_bucket_and_registry_and_may_be_used(cloud: Cloud) -> None:
    cloud.change(encryption_key=KEY)
    refused = cloud.type(*USER)
    assert refused.exit_code == 2
    assert "--format='value(projectNumber)'" in refused.stderr
    lines = cloud.type(*USER, "--project-number", "42").output.splitlines()
    allowed = [line for line in lines if line.startswith(f"gcloud kms keys add-iam-policy-binding {KEY}")]
    agents = "service-42@gcp-sa-aiplatform", "gcp-sa-artifactregistry", "gs-project-accounts", "bq-42@bigquery-encry"
    assert all(agent in line for agent, line in zip(agents, allowed, strict=True))
    (bucket,) = (number for number, line in enumerate(lines) if "buckets create" in line)
    assert lines[bucket].endswith(f"--default-encryption-key={KEY}")
    assert lines[bucket + 1] == f"gcloud storage buckets update gs://{cloud.bucket} --default-encryption-key={KEY}"
    assert bucket > lines.index(allowed[-1])
    assert [line.endswith(f"--kms-key={KEY}") for line in lines if "repositories create" in line] == [True]


def test_images_of_another_project_are_read_by_who_pulls_them(cloud: Cloud) -> None:
    cloud.change(images={"cpu": IMAGE}, service_account="robot@robots.iam.gserviceaccount.com")
    lines = cloud.type(*USER, "--project-number", "42").output.splitlines()
    readers = [line for line in lines if "repositories add-iam-policy-binding prod --location=us --project=ima" in line]
    assert len(readers) == 3
    assert "service-42@gcp-sa-aiplatform" in readers[-1]
    assert not [line for line in lines if "repositories create" in line or "service-accounts create" in line]
    assert all("--project=robots" in line for line in lines if "service-accounts add-iam" in line)


def test_wishes_that_cannot_be_are_all_named(cloud: Cloud) -> None:
    done = cloud.type("setup", "--user", "me; rm -rf /", "--project-number", "my-project", "--reads", "a`b.c")
    assert done.exit_code == 2
    for expected in (
        "--user: expected user:MAIL",
        "--project-number: expected digits",
        "--reads: expected PROJECT.DATA",
    ):
        assert expected in done.stderr


def test_a_guess_becomes_what_past_runs_took(cloud: Cloud) -> None:
    asked = ("cost", "forecasting", "--profile", "l4-spot")
    guess = cloud.type(*asked)
    assert "hours: a guess of profile l4-spot" in guess.output
    assert "0.50 h  $    0.20" in guess.output  # half an hour of 0.982, at the Spot share of 0.4
    cloud.type("submit", "forecasting", "--profile", "l4-spot", "--request-id", "p")
    (job,) = cloud.vertex.of("pipelineJobs").values()
    job.state = 4
    detail = job.job_detail.task_details.add(task_name="train")
    begin = datetime(2026, 11, 1)
    detail.start_time.FromDatetime(begin)
    detail.end_time.FromDatetime(begin + timedelta(hours=3))
    past = cloud.type(*asked)
    assert "hours: the longest of 1 past runs on l4-spot" in past.output
    assert "3.00 h  $    1.18" in past.output


def test_what_somebody_elses_pipeline_takes_is_counted(cloud: Cloud) -> None:
    """Eight A100 on a container of their own, and a component four times in a loop, were nothing and once."""
    from cloud import theirs

    path = theirs.write(cloud.folder / "theirs.yaml")
    done = cloud.type("cost", str(path), "--hours", "2", "--offline")
    assert re.search(r"big +a2-highgpu-8g \+ 8 NVIDIA_TESLA_A100 +2\.00 h  \$   67\.59", done.output), done.output
    assert re.search(r"one +4 x e2-highmem-8 +2\.00 h  \$    3\.33", done.output)
    assert "not in the estimate is one-2: no machine of the table has 0 CPUs, 0 GB and 8 NVIDIA_TESLA_T4" in done.output
    assert "is counted once: how many items it loops over, only the run knows" in done.output
    assert cloud.type("submit", str(path), "--dry-run", "--hours", "2", "--max-cost", "10").exit_code == 2


def test_every_machine_of_a_custom_job_is_counted(cloud: Cloud) -> None:
    done = cloud.type("cost", "forecasting", "--profile", "l4x4-workers", "--hours", "2", "--offline")
    assert re.search(r"train +4 x g2-standard-8 \+ 1 NVIDIA_L4 +2\.00 h  \$    7\.86", done.output), done.output
    twin = cloud.type("cost", "forecasting_ab", "--offline")
    assert "not in the estimate is what Google's services bill for bigquery-create-model-job" in twin.output


def test_a_machine_without_a_price_is_named(cloud: Cloud) -> None:
    (cloud.folder / "prices.yaml").write_text(
        "{date: 2026-11, machines: {e2-standard-4: 0.1}, accelerators: {}, spot: 0.4, run: 0.03, bigquery_tib: 6}"
    )
    cloud.change(prices="prices.yaml")
    done = cloud.type("cost", "forecasting", "--profile", "l4")
    assert (done.exit_code, "the prices of 2026-11 lack g2-standard-8" in done.stderr) == (2, True)


def test_an_accelerator_without_a_price_is_not_free(cloud: Cloud) -> None:
    (cloud.folder / "t4.yaml").write_text(
        "{description: a, image: gpu, machine: n1-standard-8, accelerator: NVIDIA_TESLA_T4, accelerators: 2}"
    )
    two = cloud.type("cost", "forecasting", "--profile", "t4.yaml", "--offline")
    assert "n1-standard-8 + 2 NVIDIA_TESLA_T4" in two.output
    assert "$    1.24" in two.output  # 0.437 + 2 x 0.4025
    (cloud.folder / "t4_prices.yaml").write_text(
        "{date: 2026-11, machines: {e2-standard-4: 0.1, n1-standard-8: 0.4}, accelerators: {}, spot: 0.4, run: 0.03, "
        "bigquery_tib: 6}"
    )
    cloud.change(prices="t4_prices.yaml")
    done = cloud.type("cost", "forecasting", "--profile", "t4.yaml", "--offline")
    assert (done.exit_code, "the prices of 2026-11 lack NVIDIA_TESLA_T4" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_pipeline_run_on_vertex_registers_there_and_its_local_twin_finds_the_version(cloud: Cloud) -> None:
    from cloud.execution import by_local_runner

    cloud.vertex.on_job = by_local_runner(cloud.folder)
    small = ["train={model: {kind: feedforward, units: [4]}, epochs: 1, batch_size: 256}", "explain.samples=2"]
    words = [word for each in [*small, "explain.baselines=4", "explain.max_residual=1"] for word in ("--set", each)]
    done = cloud.type(
        "submit", "forecasting", *words, "--profile", "l4x4-workers", "--request-id", "e", "--wait", "--poll", "0.2"
    )
    assert done.exit_code == 0, done.output + done.stderr
    for stage in ("ingest", "preprocess", "train", "evaluate", "explain", "register"):
        assert f"{stage}: succeeded" in done.output
    (version,) = cloud.vertex.of("models").values()
    assert (version.display_name, "candidate" in version.version_aliases) == ("soybean-oil-1m", True)
    assert any(name.endswith("exported/saved_model.pb") for name in cloud.storage.names(cloud.bucket))
    uploaded = cloud.type("upload-model", "latest", "--root", str(cloud.folder / "forecasting-e" / "runs"))
    assert uploaded.output.startswith("soybean-oil-1m/1  "), uploaded.stderr
    assert len(cloud.vertex.of("models")) == 1
