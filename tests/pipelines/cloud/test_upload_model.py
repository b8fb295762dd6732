"""`upload-model`: one version, whatever breaks while a model goes into the registry, however often it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cloud.faults import KINDS, begin_anew, check_every_request, left, requests_of
from cloud.logins import service_account

if TYPE_CHECKING:
    from cloud.whole import Cloud

ROOT = Path(__file__).resolve().parents[3]
SMALL = (
    "train={model: {kind: feedforward, units: [4]}, epochs: 1, batch_size: 256}", "explain.samples=2",
    "explain.baselines=4", "explain.max_residual=1",
)  # fmt: skip
Upload = Callable[[], Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one real run of the forecasting pipeline."""
    folder = tmp_path_factory.mktemp("trained")
    words = [word for each in SMALL for word in ("--set", each)]
    done = subprocess.run(
        [sys.executable, "-m", "local_runner", "run", "forecasting", *words],
        capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.fixture
def upload(cloud: Cloud, runs: Path, quick_retries: None) -> Upload:
    return lambda: cloud.type("upload-model", "latest", "--root", str(runs))


@pytest.mark.slow
def test_what_an_upload_leaves_is_there_once(cloud: Cloud, upload: Upload) -> None:
    for _ in range(2):
        done = upload()
        assert done.output.startswith("soybean-oil-1m/1  candidate"), done.stderr
    made = cloud.made()
    ((number, aliases, labels),) = made["versions"]
    assert (number, {"candidate", "default"} <= set(aliases)) == ("1", True)
    assert (labels["kind"], labels["horizon"]) == ("feedforward", "1m")
    assert made["evaluations"] == 1
    inside = [name.partition("/default/")[2] for name in made["lineage"] if "/default/" in name]
    assert [name.split("-")[0] for name in inside] == ["artifacts/data", "artifacts/model", "executions/register"]
    assert len(made["edges"]) == 2
    assert {"model.keras", "saved_model.pb", "metrics.json"} <= {Path(name).name for name in made["objects"]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_ends_the_same_whatever_breaks(cloud: Cloud, upload: Upload, kind: str) -> None:
    assert check_every_request(cloud, upload, [kind]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["503", "lost"])
def test_an_upload_that_gave_up_anywhere_goes_on_when_typed_again(
    cloud: Cloud, upload: Upload, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """From one request on nothing works any more; after that, the same command again ends as if nothing had been."""
    from cloud.server import Fault

    from components.shared import retrying

    monkeypatch.setattr(retrying, "PACE", retrying.Pace(first=0.001, longest=0.001, within=0.004))
    expected, asked = requests_of(cloud, upload)
    for server, number in asked:
        begin_anew(cloud)
        cloud.servers[server].faults = {each: Fault(kind) for each in range(number, number + 500)}
        broken = upload()
        assert (broken.exit_code, "Next: " in broken.stderr) == (1, True), (server, number, broken.stderr)
        cloud.servers[server].faults = {}
        assert upload().exit_code == 0, (server, number)
        assert left(cloud) == expected, (server, number)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["401", "403", "404", "409"])
def test_a_refusal_anywhere_is_one_line_with_the_next_command(cloud: Cloud, upload: Upload, kind: Any) -> None:
    from cloud.server import Fault

    expected, asked = requests_of(cloud, upload)
    for server, number in asked:
        begin_anew(cloud)
        cloud.servers[server].faults = {number: Fault(kind)}
        done = upload()
        if done.exit_code:
            assert done.stderr.count("\n") == 1, done.stderr
            assert done.stderr.count("Next: ") == 1, (server, number, done.stderr)
            if cloud.made()["objects"]:
                assert "Left behind: " in done.stderr, (server, number, done.stderr)
            assert upload().exit_code == 0, (server, number)
        assert left(cloud) == expected, (server, number)


@pytest.mark.slow
@pytest.mark.parametrize("answers", [0, 1, 3])
def test_an_operation_that_takes_long_is_waited_for_across_breaks(cloud: Cloud, upload: Upload, answers: int) -> None:
    """Resets at every look at the operation, one after the other: no second upload is sent."""
    from cloud.server import Fault

    cloud.vertex.pending_answers = answers
    expected, _ = requests_of(cloud, upload)
    sent = next(i for i, each in enumerate(cloud.vertex.server.seen) if each.path.endswith("models:upload"))
    for breaks in range(1, 6):
        begin_anew(cloud)
        cloud.vertex.server.faults = {number: Fault("reset") for number in range(sent + 1, sent + 1 + breaks)}
        assert upload().exit_code == 0
        uploads = [each for each in cloud.vertex.server.seen if each.path.endswith("models:upload")]
        assert (len(uploads), left(cloud)) == (1, expected)


@pytest.mark.slow
def test_an_expired_login_is_one_line(cloud: Cloud, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = cloud.folder / "login.json"
    login.write_text(json.dumps(service_account(f"{cloud.apis.server.url}/token")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(login))
    cloud.change(endpoints={**cloud.settings["endpoints"], "anonymous": False})
    done = cloud.type("upload-model", "latest", "--root", str(runs))
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("the credentials have expired. Next: gcloud auth application-default login\n")


def test_a_run_that_is_not_there_is_said_with_where_to_look(cloud: Cloud) -> None:
    done = cloud.type("upload-model", "nothing", "--root", str(cloud.folder / "runs"))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "list the runs with: python -m local_runner runs list" in done.stderr
    assert not cloud.vertex.resources
