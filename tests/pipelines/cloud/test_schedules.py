"""Schedules on Vertex AI and on Kubeflow, and those of one's own machine."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

import pytest

from components.shared.errors import InputError
from pipelines.cloud import cron

if TYPE_CHECKING:
    from cloud.kubeflow import Kubeflow
    from cloud.whole import Cloud

CREATE = ("schedule", "create", "daily", "forecasting", "--cron")


@pytest.fixture(params=["vertex", "kfp"])
def target(request: pytest.FixtureRequest, cloud: Cloud, kubeflow: Kubeflow) -> str:
    cloud.change(kubeflow={"host": kubeflow.server.url})
    return request.param


def there(cloud: Cloud, kubeflow: Kubeflow, target: str) -> list[Any]:
    return list(cloud.vertex.of("schedules").values()) if target == "vertex" else kubeflow.all("recurringruns")


def test_a_schedule_lives_from_create_to_delete(cloud: Cloud, kubeflow: Kubeflow, target: str, small: Any) -> None:
    create = ("schedule", "create", "daily", str(small), "--target", target, "--cron")
    assert "daily: created" in cloud.type(*create, "TZ=Europe/Amsterdam 0 6 * * 1-5").output
    assert "daily: is as asked already" in cloud.type(*create, "TZ=Europe/Amsterdam 0 6 * * 1-5").output
    assert "daily: updated" in cloud.type(*create, "0 7 * * *").output
    assert len(there(cloud, kubeflow, target)) == 1
    assert "paused" in cloud.type("schedule", "pause", "daily", "--target", target).output
    assert "paused" in cloud.type("schedule", "list", "--target", target).output
    assert "active" in cloud.type("schedule", "resume", "daily", "--target", target).output
    run = ("schedule", "run", "daily", "--request-id", "now", "--target", target)
    assert [cloud.type(*run).output for _ in range(2)] == ["started daily-now\n"] * 2
    assert len(cloud.vertex.of("pipelineJobs") if target == "vertex" else kubeflow.all("runs")) == 1
    assert "daily: deleted" in cloud.type("schedule", "delete", "daily", "--target", target).output
    assert "there is none" in cloud.type("schedule", "delete", "daily", "--target", target).output
    assert there(cloud, kubeflow, target) == []
    assert "no schedules. Next:" in cloud.type("schedule", "list", "--target", target).output


def test_one_run_at_a_time_and_nothing_made_up_for(cloud: Cloud, kubeflow: Kubeflow, target: str, small: Any) -> None:
    words = ("--max-runs", "5") if target == "vertex" else ()
    done = cloud.type(
        "schedule", "create", "daily", str(small), "--target", target, "--cron", "TZ=Asia/Tokyo 30 5 * * mon", *words
    )
    assert done.exit_code == 0, done.stderr
    (made,) = there(cloud, kubeflow, target)
    if target == "vertex":
        assert (made.cron, made.max_concurrent_run_count, made.catch_up) == ("TZ=Asia/Tokyo 30 5 * * mon", 1, False)
        assert made.max_run_count == 5
    else:
        assert made["trigger"]["cron_schedule"]["cron"] == "TZ=Asia/Tokyo 0 30 5 * * mon"
        assert (made["max_concurrency"], made["no_catchup"]) == (1, True)


def test_what_kubeflow_cannot_do_is_said(cloud: Cloud, kubeflow: Kubeflow, small: Any) -> None:
    cloud.change(kubeflow={"host": kubeflow.server.url})
    words = ("schedule", "create", "daily", str(small), "--cron", "0 6 * * *", "--target", "kfp", "--max-runs", "3")
    done = cloud.type(*words)
    assert (done.exit_code, "--max-runs: Kubeflow's recurring runs have no such limit" in done.stderr) == (2, True)
    wrapped = cloud.type("doctor", "forecasting", "--target", "kfp", "--profile", "tpu-v5e-4")
    assert "a custom job is Vertex AI's own; for a Kubeflow server choose a profile with by: task" in wrapped.output


def test_an_unknown_schedule_is_named(cloud: Cloud, kubeflow: Kubeflow, target: str) -> None:
    done = cloud.type("schedule", "pause", "dayly", "--target", target)
    assert (done.exit_code, "unknown schedule 'dayly'" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        (None, None, "kubeflow.token_file: cannot read"),
        ("\n", None, "is empty; write the bearer token into it"),
        ("token", "http://kubeflow.example.com", "host: expected https, because the token of token_file is sent there"),
    ],
    ids=["absent", "empty", "clear"],
)
def test_a_token_that_cannot_be_used_is_said(
    cloud: Cloud, kubeflow: Kubeflow, text: str | None, host: str | None, expected: str
) -> None:
    token = cloud.folder / "token"
    if text is not None:
        token.write_text(text)
    cloud.change(kubeflow={"host": host or kubeflow.server.url, "token_file": str(token)})
    done = cloud.type("schedule", "list", "--target", "kfp")
    assert (done.exit_code, expected in done.stderr) == (2, True), done.stderr
    assert not kubeflow.server.seen


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("401", "the server does not accept the token. Next: write a fresh one"), ("403", "may not do this in namespace")],
)
def test_a_server_that_refuses_is_one_line_at_once(
    cloud: Cloud, kubeflow: Kubeflow, small: Any, fault: Any, expected: str
) -> None:
    from cloud.server import Fault

    cloud.change(kubeflow={"host": kubeflow.server.url})
    for words in (("schedule", "list"), ("submit", str(small)), ("wait", "small-x")):
        kubeflow.server.forget()
        kubeflow.server.faults = dict.fromkeys(range(50), Fault(fault))
        done = cloud.type(*words, "--target", "kfp")
        assert (done.exit_code, expected in done.stderr) == (1, True), done.stderr
        assert len(kubeflow.server.seen) == 1


def test_a_server_that_is_not_there_is_one_line(
    cloud: Cloud, kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.shared import retrying

    monkeypatch.setattr(retrying, "PACE", retrying.Pace(first=0.01, longest=0.02, within=0.1))
    cloud.change(kubeflow={"host": "http://127.0.0.1:9"})
    done = cloud.type("schedule", "list", "--target", "kfp")
    assert (done.exit_code, "the service did not answer in time. Next:" in done.stderr) == (1, True), done.stderr


def test_a_run_on_kubeflow_is_submitted_once_and_followed(cloud: Cloud, kubeflow: Kubeflow, small: Any) -> None:
    cloud.change(kubeflow={"host": kubeflow.server.url})
    words = ("submit", str(small), "--target", "kfp", "--request-id", "k", "--param", "a=1")
    assert "submitted: small-k" in cloud.type(*words).output
    assert "was submitted already" in cloud.type(*words).output
    other = cloud.type(*words, "--param", "a=5")
    assert (other.exit_code, "exists with other values of a. Next: choose" in other.stderr) == (2, True)
    (run,) = kubeflow.all("runs")
    run["run_details"] = {"task_details": [{"display_name": "add", "state": "FAILED", "error": {"message": "no"}}]}
    run["state"] = "FAILED"
    followed = cloud.type("wait", "small-k", "--target", "kfp")
    assert (followed.exit_code, "add: failed: no" in followed.output) == (1, True)


@pytest.mark.parametrize(
    "change",
    [
        {"service_account": "other@tandem-test.iam.gserviceaccount.com"},
        {"encryption_key": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"},
        {"network": "projects/1/global/networks/n"},
        {"labels": {"team": "soy"}},
        {"failure_policy": "fast"},
    ],
    ids=["account", "key", "network", "label", "policy"],
)
def test_a_schedule_follows_its_settings(cloud: Cloud, small: Any, change: dict[str, Any]) -> None:
    cloud.apis.accounts.add("other@tandem-test.iam.gserviceaccount.com")
    cloud.storage.keys[cloud.bucket] = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    create = ("schedule", "create", "daily", str(small), "--cron", "0 6 * * *")
    assert "daily: created" in cloud.type(*create).output
    cloud.change(**change)
    assert "daily: updated" in cloud.type(*create).output
    assert "daily: is as asked already" in cloud.type(*create).output


def test_a_schedule_is_priced_and_checked_like_a_submission(cloud: Cloud) -> None:
    create = ("schedule", "create", "daily", "forecasting", "--profile", "h100x8", "--cron", "0 6 * * *")
    assert "the estimate is of one run" in cloud.type(*create).output
    cloud.change(max_cost=1)
    for words in (("--hours", "2"), ()):
        done = cloud.type(*create, *words)
        assert (done.exit_code, "is above the limit of $1.00" in done.stderr) == (2, True), done.output
    assert cloud.type(*create, "--max-cost", "100").exit_code == 0
    cloud.change(root="gs://tandem-nowhere-here")
    assert "there is no bucket gs://tandem-nowhere-here. Next:" in cloud.type(*create, "--max-cost", "100").stderr


@pytest.mark.parametrize("name", ["", "x" * 65, "-a", "a\nb"], ids=["empty", "long", "hyphen", "line"])
def test_a_schedule_has_a_name_that_can_be_shown(cloud: Cloud, name: str) -> None:
    done = cloud.type("schedule", "create", "--cron", "0 6 * * *", "--", name, "forecasting")
    assert (done.exit_code, "expected 1 to 64 letters" in done.stderr) == (2, True), done.stderr
    assert not cloud.vertex.of("schedules")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 6 * *", "expected 5 fields"),
        ("0 0 6 * * 1-5", "expected 5 fields (minute hour day month weekday), got 6"),
        ("61 6 * * *", "minute: expected 0 to 59, got '61'"),
        ("0 25 * * *", "hour: expected 0 to 23"),
        ("0 6 0 * *", "day of month: expected 1 to 31"),
        ("0 6 * 13 *", "month: expected 1 to 12"),
        ("0 6 * * 8", "day of week: expected 0 to 7"),
        ("0 6 * * fri-mon", "ends before it begins"),
        ("*/0 6 * * *", "a step of 0"),
        ("*/60 6 * * *", "a step of 60 in '*/60'; expected 1 to 59"),
        ("\u0663 6 * * *", "minute: expected 0 to 59"),
        ("a b c d e", "minute: expected 0 to 59, got 'a'"),
        ("TZ=Europe/Atlantis 0 6 * * *", "time zone 'Europe/Atlantis'"),
    ],
)
def test_a_bad_cron_is_refused_before_anything_is_sent(cloud: Cloud, line: str, expected: str) -> None:
    done = cloud.type(*CREATE, line)
    assert (done.exit_code, expected in done.stderr) == (2, True), done.stderr
    assert not cloud.vertex.server.seen


def test_a_line_is_read_into_its_values() -> None:
    read = cron.parse("*/20 6,18 1-3 jan-mar sun")
    assert read.values == ((0, 20, 40), (6, 18), (1, 2, 3), (1, 2, 3), (0,))
    assert (read.vertex, read.kubeflow) == ("*/20 6,18 1-3 jan-mar sun", "0 */20 6,18 1-3 jan-mar sun")


def test_launchd_and_crontab_get_their_text(cloud: Cloud) -> None:
    words = ("schedule", "local", "night", "forecasting", "--config", "gru_3m", "--cron", "30 2 * * 1-5")
    listed = plistlib.loads(cloud.type(*words).output.encode())
    assert listed["StartCalendarInterval"] == [{"Minute": 30, "Hour": 2, "Weekday": day} for day in range(1, 6)]
    assert listed["ProgramArguments"][1:5] == ["-m", "local_runner", "run", "forecasting"]
    line = cloud.type(*words, "--as", "crontab").output
    assert line.startswith("30 2 * * 1-5 cd ")
    assert "--config gru_3m" in line
    with pytest.raises(InputError, match="more than 100 moments"):
        cron.parse("*/1 0-20 * * *").moments()
