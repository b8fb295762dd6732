"""Lineage leaves as OpenLineage events that the client's own classes accept, to a file or to a server."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kfp import dsl

from local_runner import openlineage_export
from local_runner.errors import RunnerError, UsageError
from local_runner.records import ArtifactRecord, State, TaskKind, TaskRecord

pytest.importorskip("openlineage.client")

from openlineage.client import event_v2
from openlineage.client.serde import Serde


@dsl.component(base_image="python:3.11")
def table(out: dsl.Output[dsl.Dataset]):
    import json
    import os

    os.mkdir(out.path)  # noqa: PTH102
    columns = [{"name": "date", "dtype": "date", "role": "time"}, {"name": "close", "dtype": "float64"}]
    with open(f"{out.path}/schema.json", "w") as stream:  # noqa: PTH123
        json.dump({"version": 1, "rows": 7, "columns": columns}, stream)


@dsl.component(base_image="python:3.11")
def score(data: dsl.Input[dsl.Dataset], n: int):
    if n > 1:
        raise ValueError("too many")


@dsl.pipeline(name="looped")
def pipeline():
    data = table().outputs["out"]
    with dsl.ParallelFor([1, 2]) as n:
        score(data=data, n=n)


def exported(store, run, target: Path) -> list[dict]:
    openlineage_export.export(openlineage_export.events(run.record, store.tasks(run.id)), str(target))
    return [json.loads(line) for line in target.read_text().splitlines()]


def rebuilt(event: dict) -> event_v2.RunEvent:
    """The event through the client's own validating classes."""
    return event_v2.RunEvent(
        eventTime=event["eventTime"], producer=event["producer"], eventType=event_v2.RunState(event["eventType"]),
        run=event_v2.Run(**event["run"]), job=event_v2.Job(**event["job"]),
        inputs=[event_v2.InputDataset(**one) for one in event["inputs"]],
        outputs=[event_v2.OutputDataset(**one) for one in event["outputs"]],
    )  # fmt: skip


def test_a_run_is_a_pair_of_events_around_a_pair_a_task(execute, store, tmp_path, make_and_measure):
    run = execute(make_and_measure)
    events = exported(store, run, tmp_path / "events.ndjson")
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "kept"),
        ("START", "kept.make"), ("COMPLETE", "kept.make"), ("START", "kept.measure"), ("COMPLETE", "kept.measure"),
        ("COMPLETE", "kept"),
    ]  # fmt: skip
    whole, *tasks, end = events
    assert end["run"]["runId"] == whole["run"]["runId"]
    assert {event["run"]["facets"]["parent"]["run"]["runId"] for event in tasks} == {whole["run"]["runId"]}
    assert [event["job"]["facets"]["jobType"]["jobType"] for event in (whole, tasks[0])] == ["PIPELINE", "TASK"]
    assert whole["run"]["facets"]["processing_engine"]["name"] == "local_runner"


def test_what_one_task_wrote_is_what_the_next_one_read(execute, store, tmp_path, make_and_measure):
    events = exported(store, execute(make_and_measure), tmp_path / "events.ndjson")
    ends = {event["job"]["name"]: event for event in events if event["eventType"] == "COMPLETE"}
    (written,), (read,) = ends["kept.make"]["outputs"], ends["kept.measure"]["inputs"]
    assert (written["namespace"], written["name"]) == (read["namespace"], read["name"])
    assert written["facets"]["version"] == read["facets"]["version"]


def test_events_pass_the_clients_own_classes(execute, store, tmp_path):
    for event in exported(store, execute(pipeline), tmp_path / "events.ndjson"):
        assert Serde.to_dict(rebuilt(event)) == event


def test_a_failure_carries_its_message_and_iterations_are_runs_of_one_job(execute, store, tmp_path):
    run = execute(pipeline, parallel=1)
    events = exported(store, run, tmp_path / "events.ndjson")
    scores = [event for event in events if event["job"]["name"] == "looped.for-loop-2/score"]
    assert sorted(event["eventType"] for event in scores) == ["COMPLETE", "FAIL", "START", "START"]
    assert len({event["run"]["runId"] for event in scores}) == 2
    (failed,) = [event for event in scores if event["eventType"] == "FAIL"]
    message = failed["run"]["facets"]["errorMessage"]
    assert message["message"] == "ValueError: too many"
    assert message["programmingLanguage"] == "PYTHON"
    assert "in score" in message["stackTrace"]
    assert events[-1]["eventType"] == "FAIL"


def test_a_table_carries_its_columns_and_rows(execute, store, tmp_path):
    events = exported(store, execute(pipeline), tmp_path / "events.ndjson")
    (out,) = next(event["outputs"] for event in events if event["outputs"])
    assert [(field["name"], field["type"]) for field in out["facets"]["schema"]["fields"]] == [
        ("date", "date"), ("close", "float64"),
    ]  # fmt: skip
    assert out["outputFacets"]["outputStatistics"]["rowCount"] == 7


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("/runs/a b/model", ("file", "/runs/a b/model")),
        ("file:///runs/model", ("file", "/runs/model")),
        ("gs://bucket/models/lstm", ("gs://bucket", "models/lstm")),
        ("gs://bucket", ("gs://bucket", "/")),
        ("s3://bucket/key", ("s3://bucket", "key")),
    ],
)
def test_datasets_are_named_as_the_specification_says(uri, address):
    assert openlineage_export.address(uri) == address


def test_a_killed_run_is_aborted_when_it_was_last_seen(execute, store, make_and_measure):
    run = execute(make_and_measure)
    killed = dataclasses.replace(run.record, state=State.INTERRUPTED, finished=None)
    model = ArtifactRecord("model", "system.Model", "gs://bucket/model")
    task = TaskRecord(
        run.id, "train", "train", TaskKind.PYTHON, State.INTERRUPTED, started=run.record.created + 5,
        inputs={"model": (model,)},
    )  # fmt: skip
    events = openlineage_export.events(killed, [task])
    assert [event.eventType.value for event in events] == ["START", "START", "ABORT", "ABORT"]
    assert events[-1].eventTime == events[1].eventTime


def test_exporting_again_replaces_the_file_with_the_same_events(execute, store, tmp_path, make_and_measure):
    run = execute(make_and_measure)
    assert exported(store, run, tmp_path / "e.ndjson") == exported(store, run, tmp_path / "e.ndjson")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.ndjson", "runs"]


@contextmanager
def server(status: int) -> Iterator[tuple[str, list[tuple[str, dict, str]]]]:
    """An address that answers every post with ``status``, and what it received: path, event, bearer token."""
    received: list[tuple[str, dict, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rebuilt(event)  # the answer to an invalid event is a broken connection
            received.append((self.path, event, self.headers.get("Authorization", "")))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()


@pytest.mark.parametrize(
    ("path", "reached"),
    [("", "/api/v1/lineage"), ("/api/v1/lineage", "/api/v1/lineage"), ("/other/door?x=1", "/other/door?x=1")],
    ids=["default", "usual", "other"],
)
def test_a_server_receives_every_event_where_it_listens(
    execute, store, make_and_measure, monkeypatch, tmp_path, path, reached
):
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    run = execute(make_and_measure)
    with server(201) as (address, received):
        openlineage_export.export(openlineage_export.events(run.record, store.tasks(run.id)), address + path)
    assert [event for _, event, _ in received] == exported(store, run, tmp_path / "events.ndjson")
    assert {(where, token) for where, _, token in received} == {(reached, "Bearer secret")}


@pytest.mark.parametrize(("status", "said"), [(503, "too many 503"), (422, "422 Client Error")])
def test_a_server_that_refuses_is_an_error_that_says_how_far_it_came(execute, store, make_and_measure, status, said):
    run = execute(make_and_measure)
    events = openlineage_export.events(run.record, store.tasks(run.id))
    with (
        server(status) as (address, _),
        pytest.raises(RunnerError, match=f"took 0 of 6 events and then.*{said}") as caught,
    ):
        openlineage_export.export(events, address)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("target", ["ftp://host/x", "absent/folder/events.ndjson"])
def test_a_target_that_cannot_be_is_refused(execute, store, make_and_measure, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    run = execute(make_and_measure)
    with pytest.raises(UsageError, match="cannot"):
        openlineage_export.export(openlineage_export.events(run.record, store.tasks(run.id)), target)
