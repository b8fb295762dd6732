"""Faults: at every request of every verb something breaks, and what is there afterwards is the same, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cloud.faults import KINDS, check_every_request
from cloud.logins import service_account

if TYPE_CHECKING:
    from cloud.kubeflow import Kubeflow
    from cloud.whole import Cloud

Verb = Callable[[Any, Path], Any]


def _submit(cloud: Cloud, small: Path) -> Any:
    return cloud.type("submit", str(small), "--request-id", "one")


def _schedule(cloud: Cloud, small: Path) -> Any:
    return cloud.type("schedule", "create", "daily", str(small), "--cron", "0 6 * * *")


def _pause(cloud: Cloud, small: Path) -> Any:
    return cloud.type("schedule", "pause", "daily")


def _resume(cloud: Cloud, small: Path) -> Any:
    return cloud.type("schedule", "resume", "daily")


def _run(cloud: Cloud, small: Path) -> Any:
    return cloud.type("schedule", "run", "daily", "--request-id", "now")


def _delete(cloud: Cloud, small: Path) -> Any:
    return cloud.type("schedule", "delete", "daily")


def _doctor(cloud: Cloud, small: Path) -> Any:
    return cloud.type("doctor", str(small))


def _cost(cloud: Cloud, small: Path) -> Any:
    return cloud.type("cost", str(small))


VERBS: dict[str, tuple[list[Verb], Verb]] = {
    "submit": ([], _submit),
    "schedule create": ([], _schedule),
    "schedule pause": ([_schedule], _pause),
    "schedule resume": ([_schedule, _pause], _resume),
    "schedule run": ([_schedule], _run),
    "schedule delete": ([_schedule], _delete),
    "doctor": ([], _doctor),
    "cost": ([], _cost),
}
"""What must be there first, and the verb."""


@pytest.mark.slow
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_ends_the_same_whatever_breaks(cloud: Cloud, small: Path, name: str) -> None:
    before, verb = VERBS[name]
    steps = [lambda step=step: step(cloud, small) for step in before]
    assert check_every_request(cloud, lambda: verb(cloud, small), KINDS, steps) > 0


def test_a_lost_answer_makes_no_second_run(cloud: Cloud, small: Path) -> None:
    assert check_every_request(cloud, lambda: _submit(cloud, small), ["lost"]) >= 8


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("401", "the credentials are not accepted. Next: gcloud auth application-default login"),
        ("403", "permission is missing. Next: python -m pipelines doctor"),
    ],
    ids=["401", "403"],
)
def test_a_refusal_says_what_to_do(cloud: Cloud, small: Path, refusal: Any, expected: str) -> None:
    from cloud.server import Fault

    cloud.vertex.server.faults = dict.fromkeys(range(50), Fault(refusal))
    done = cloud.type("submit", str(small))
    assert expected in done.stderr, done.stderr
    assert done.exit_code in (1, 2)


def test_a_refused_creation_is_not_taken_for_a_run_that_is_there(cloud: Cloud, small: Path) -> None:
    from cloud.server import Fault

    assert _submit(cloud, small).exit_code == 0
    cloud.vertex.server.forget()
    assert "was submitted already" in _submit(cloud, small).output
    creation = next(place for place, each in enumerate(cloud.vertex.server.seen) if each.method == "POST")
    cloud.vertex.server.forget()
    cloud.vertex.server.faults = {creation: Fault("403")}
    refused = _submit(cloud, small)
    assert "permission is missing" in refused.stderr
    assert "submitted" not in refused.output


def test_retry_after_is_waited_for_and_said(cloud: Cloud, small: Path, caplog: pytest.LogCaptureFixture) -> None:
    import time

    from cloud.server import Fault

    cloud.vertex.server.faults = {0: Fault("429", retry_after="2")}
    begin = time.monotonic()
    assert cloud.type("submit", str(small)).exit_code == 0
    assert time.monotonic() - begin >= 2
    assert [record.getMessage() for record in caplog.records] == ["looking for past runs: 429; again in 2 s"]


def test_a_service_that_stays_away_ends_in_one_message(
    cloud: Cloud, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloud.server import Fault

    from components.shared import retrying

    monkeypatch.setattr(retrying, "PACE", retrying.Pace(first=0.01, longest=0.02, within=0.1))
    cloud.vertex.server.faults = dict.fromkeys(range(500), Fault("503"))
    done = cloud.type("submit", str(small), "--request-id", "one")
    assert done.exit_code == 1
    assert "type the same command again; what is done is not done twice" in done.stderr
    assert "with --request-id one goes on" in done.output
    cloud.vertex.server.forget()
    assert "submitted: small-one" in cloud.type("submit", str(small), "--request-id", "one").output


@pytest.mark.parametrize("revoked", [True, False], ids=["expired", "none"])
def test_without_a_valid_login_nothing_else_is_said(
    cloud: Cloud, small: Path, monkeypatch: pytest.MonkeyPatch, revoked: bool
) -> None:
    login = cloud.folder / "login.json"
    login.write_text(json.dumps(service_account(f"{cloud.apis.server.url}/token")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(login if revoked else cloud.folder / "absent.json"))
    cloud.change(endpoints={**cloud.settings["endpoints"], "anonymous": False})
    done = cloud.type("doctor", str(small))
    assert done.exit_code == 2
    (problem,) = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert problem.endswith("Next: gcloud auth application-default login")


@pytest.mark.slow
def test_kubeflow_gets_each_thing_once(cloud: Cloud, small: Path, kubeflow: Kubeflow) -> None:
    from cloud.server import Fault

    cloud.change(kubeflow={"host": kubeflow.server.url})
    verbs = {
        "runs": ("submit", str(small), "--request-id", "one", "--target", "kfp"),
        "recurringruns": ("schedule", "create", "daily", str(small), "--cron", "0 6 * * *", "--target", "kfp"),
    }
    for kind, words in verbs.items():
        for number in range(8):
            for fault in KINDS:
                for items in kubeflow.items.values():
                    items.clear()
                kubeflow.server.forget()
                kubeflow.server.faults = {number: Fault(fault)}
                done = cloud.type(*words)
                assert done.exit_code == 0, (kind, number, fault, done.stderr)
                assert len(kubeflow.all(kind)) == 1, (kind, number, fault)


def test_the_process_itself_ends_with_two_and_one_line(cloud: Cloud) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "submit", "forecasting", "--profile", "nowhere"],
        capture_output=True, text=True, cwd=cloud.folder, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: unknown profile 'nowhere'")
