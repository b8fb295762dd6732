"""Setting a project up, and what runs are estimated to cost."""

from __future__ import annotations

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


def test_commands_are_run_and_what_exists_is_no_failure(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcloud(cloud.folder, 'echo "ALREADY_EXISTS: it already exists" >&2; exit 1')
    monkeypatch.setenv("PATH", f"{cloud.folder}/bin:/usr/bin:/bin")
    assert cloud.type(*USER, "--apply").exit_code == 0
    assert len((cloud.folder / "asked.txt").read_text().splitlines()) == 12


def test_a_command_that_fails_says_how_far_it_got(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcloud(cloud.folder, 'case "$1" in iam) echo "PERMISSION_DENIED" >&2; exit 1;; esac')
    monkeypatch.setenv("PATH", f"{cloud.folder}/bin:/usr/bin:/bin")
    done = cloud.type(*USER, "--apply")
    assert done.exit_code == 1
    assert "PERMISSION_DENIED. 1 of 12 are done; the same command again goes on" in done.stderr


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


def test_a_machine_without_a_price_is_named(cloud: Cloud) -> None:
    (cloud.folder / "prices.yaml").write_text(
        "{date: 2026-11, machines: {e2-standard-4: 0.1}, accelerators: {}, spot: 0.4, run: 0.03, bigquery_tib: 6}"
    )
    cloud.change(prices="prices.yaml")
    done = cloud.type("cost", "forecasting", "--profile", "l4")
    assert (done.exit_code, "the prices of 2026-11 lack g2-standard-8" in done.stderr) == (2, True)


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
