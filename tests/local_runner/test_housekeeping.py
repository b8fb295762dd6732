"""Removing runs frees room without taking artifacts from runs that took them over; lineage, comparison, export."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from kfp import dsl

from local_runner import compare, housekeeping, openlineage_export, provenance, why
from local_runner.errors import UsageError
from local_runner.store import Store


@dsl.component(base_image="python:3.11")
def make(n: int, out: dsl.Output[dsl.Dataset]):
    with open(out.path, "w") as stream:  # noqa: PTH123
        stream.write("x" * n)


@dsl.component(base_image="python:3.11")
def measure(data: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> int:
    with open(data.path) as stream:  # noqa: PTH123
        length = len(stream.read())
    metrics.log_metric("length", length)
    return length


@dsl.pipeline(name="kept")
def pipeline(n: int = 1000):
    measure(data=make(n=n).outputs["out"])


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "runs") as opened:
        yield opened


def test_a_run_whose_artifacts_are_used_stays_until_its_users_go(execute, store):
    first, second = execute(pipeline), execute(pipeline)
    with pytest.raises(UsageError, match=f"used by {second.id}"):
        housekeeping.remove(store, [first.record])
    assert first.tasks["make"].artifacts["out"][0].path.exists()
    assert housekeeping.remove(store, [first.record, second.record]) >= 1000
    assert (store.runs(), first.folder.exists(), second.folder.exists()) == ([], False, False)


def test_collecting_keeps_good_and_new_runs(execute, store):
    good = execute(pipeline)
    store.hold(good.id)
    store.release(good.id)
    orphan = store.root / "20260101-000000-kept-0000"
    orphan.mkdir()
    for name in ("pipeline.yaml", ".lock"):
        (orphan / name).write_text("")
    assert housekeeping.collect(store, keep=0) == ([], 0)
    assert orphan.exists(), "a folder without a record may be all that is left of a lost database"
    (orphan / ".removing").touch()
    housekeeping.collect(store, keep=0)
    assert (orphan.exists(), good.folder.exists()) == (False, True)


def test_a_removed_artifact_is_a_miss_and_why_says_so(execute, store, states):
    first = execute(pipeline)
    first.tasks["make"].artifacts["out"][0].path.unlink()
    again = execute(pipeline)
    assert states(again) == {"make": "succeeded", "measure": "cached"}
    (line,) = why.explain(store, again.record, "make")
    assert "changed or removed" in line


def test_why_names_the_changed_file(execute, store):
    execute(pipeline)
    again = execute(pipeline, {"n": 5})
    assert "  parameter `n` changed: 1000 → 5" in why.explain(store, again.record, "make")
    assert "  input `data` changed: its content" in why.explain(store, again.record, "measure")


def test_provenance_goes_back_to_the_first_task(execute, store):
    run = execute(pipeline)
    metrics = run.tasks["measure"].artifacts["metrics"][0].uri
    data = run.tasks["make"].artifacts["out"][0].uri
    assert provenance.of_artifact(store, metrics) == [
        metrics, f"  {run.id}/measure (metrics)", f"    {data}", f"      {run.id}/make (out)",
    ]  # fmt: skip
    assert f"  read by {run.id}/measure" in provenance.of_run(store, run.record)


def test_comparison_shows_arguments_and_metrics(execute, store):
    pairs = [(run.record, store.tasks(run.id)) for run in (execute(pipeline), execute(pipeline, {"n": 5}))]
    lines = compare.lines(*pairs)
    assert "  n: 1000 → 5" in lines
    assert "  measure/metrics: length  1000  5  -995" in lines


def test_lineage_is_exported_to_a_file_and_to_an_address(execute, store, tmp_path):
    pytest.importorskip("openlineage.client")
    run = execute(pipeline)
    texts = openlineage_export.events(run.record, store.tasks(run.id))
    openlineage_export.export(texts, str(tmp_path / "events.json"))
    events = [json.loads(line) for line in (tmp_path / "events.json").read_text().splitlines()]
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "make"), ("COMPLETE", "make"), ("START", "measure"), ("COMPLETE", "measure"),
    ]  # fmt: skip
    assert events[3]["inputs"][0]["name"] == run.tasks["make"].artifacts["out"][0].uri
    assert _posted(texts) == events


def _posted(texts: list[str]) -> list[dict]:
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        openlineage_export.export(texts, f"http://127.0.0.1:{server.server_port}/api/v1/lineage")
        server.shutdown()
    return received
