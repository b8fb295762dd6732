from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.bigquery_twin import columns, step
from components.bigquery_twin.config import TwinConfig
from components.shared.artifacts import Prepared
from components.shared.errors import InputError, TandemError
from components.train.config import TrainConfig

MODEL = {"kind": "dart", "trees": 8, "lags": [1, 5], "spans": [3]}


def train(**changes: Any) -> TrainConfig:
    return TrainConfig.parse({"model": MODEL, **changes}, section="train_b")


class Loads:
    """A server of BigQuery's REST API that takes load jobs of one request, and remembers them."""

    def __init__(self, error: dict[str, str] | None = None) -> None:
        self.jobs: list[tuple[dict[str, Any], pa.Table]] = []
        self.error = error
        loads = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                loads.take(self.headers["Content-Type"], body)
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def answer(self) -> None:
                status = {"state": "DONE", **({"errorResult": loads.error} if loads.error else {})}
                job, _ = loads.jobs[-1]
                content = json.dumps({**job, "status": status}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, content_type: str, body: bytes) -> None:
        boundary = re.search(r'boundary="?([^";]+)', content_type)
        assert boundary is not None
        _, job, file, _ = body.split(b"--" + boundary[1].encode())
        rows = pq.read_table(io.BytesIO(file.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")))
        self.jobs.append((json.loads(job.split(b"\r\n\r\n", 1)[1]), rows))


@pytest.fixture
def loads(request: pytest.FixtureRequest) -> Iterator[Loads]:
    server = Loads(getattr(request, "param", None))
    threading.Thread(target=server.server.serve_forever, daemon=True).start()
    yield server
    server.server.shutdown()
    server.server.server_close()


def twin(loads: Loads) -> TwinConfig:
    return TwinConfig(project="my-project", dataset="market", location="EU", name="twin", api_endpoint=loads.address)


def test_the_table_holds_every_window_with_its_columns_label_and_split(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    taken = columns.window_columns(train().model, prepared)
    rows = columns.table(taken, prepared)
    counts = {split: len(prepared.starts(split)) for split in ("train", "validation", "test")}
    assert rows["split"].value_counts().to_pylist() == [{"values": k, "counts": v} for k, v in counts.items()]
    assert sum(rows["is_validation"].to_pylist()) == counts["validation"]
    origins = rows["row"].to_numpy()
    np.testing.assert_allclose(rows["label"].to_numpy(), prepared.labels[origins])
    windows = prepared.windows(origins - (prepared.preprocessing.lookback - 1))
    sent = np.column_stack([rows[name].to_numpy() for name in columns.column_names(taken)])
    np.testing.assert_allclose(sent, taken.of(windows))


def test_the_columns_are_sent_in_one_job_that_replaces_the_table(loads: Loads, prepared_folder: Path) -> None:
    found = step.run(twin(loads), train(), prepared_folder)
    ((job, rows),) = loads.jobs
    load = job["configuration"]["load"]
    assert load["destinationTable"] == {"projectId": "my-project", "datasetId": "market", "tableId": "twin_columns"}
    assert (load["writeDisposition"], load["sourceFormat"]) == ("WRITE_TRUNCATE", "PARQUET")
    assert job["jobReference"]["location"] == "EU"
    described = {field["name"]: field.get("description") for field in load["schema"]["fields"]}
    assert (described["x0"], described["x5"]) == ("price", "price move 1")
    assert [field["name"] for field in load["schema"]["fields"]] == rows.column_names
    assert (found.project, found.location) == ("my-project", "EU")
    read = set(re.findall(r"`([^`]+)`", found.create_model.split("SELECT")[1].split("FROM")[0]))
    assert read == set(rows.column_names) - {"row", "split"}


@pytest.mark.parametrize("loads", [{"reason": "invalid", "message": "no such dataset"}], indirect=True)
def test_a_refused_load_says_what_bigquery_said(loads: Loads, prepared_folder: Path) -> None:
    with pytest.raises(TandemError, match=r"cannot load my-project\.market\.twin_columns: .*no such dataset"):
        step.run(twin(loads), train(), prepared_folder)


def test_what_has_no_twin_is_refused_before_anything_is_sent(loads: Loads, prepared_folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        step.run(twin(loads).model_copy(update={"project": None}), train(loss="mae"), prepared_folder)
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="expected dart, got lstm"):
        step.run(twin(loads), train(model={"kind": "lstm"}), prepared_folder)
    assert loads.jobs == []
