"""A server that speaks as much of BigQuery's REST API as a merge needs, over DuckDB, on this machine only."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow.parquet as pq

SQL_TYPES = {"STRING": "TEXT", "DATETIME": "TIMESTAMP", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE", "INT64": "BIGINT"}


class Warehouse:
    """Tables by their full name, and the calls that came; ``refuse`` is answered with an error."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.tables: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.refuse = self.address = ""
        self.upload: dict[str, Any] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON and headers for one call."""
        parts = path.strip("/").split("/")
        if parts[0] == "upload" and method == "POST":
            self.upload = json.loads(body)
            return 200, {}, {"Location": f"{self.address}/uploaded"}
        if parts == ["uploaded"]:
            return 200, self._load(body), {}
        parts = parts[parts.index("projects") + 1 :]
        if "tables" in parts:
            return (*self._table(method, parts, body), {})
        if method == "POST":
            return 200, self._query(json.loads(body)), {}
        job = self.jobs[parts[-1]]
        return 200, {**job, "jobComplete": True, "schema": {"fields": []}, "totalRows": "0", "rows": []}, {}

    def _table(self, method: str, parts: list[str], body: bytes) -> tuple[int, dict[str, Any]]:
        if method == "POST":
            made = json.loads(body)
            name = ".".join(made["tableReference"][key] for key in ("projectId", "datasetId", "tableId"))
            if name in self.tables:
                return 409, error(409, "duplicate", "Already Exists")
            columns = ", ".join(f'"{f["name"]}" {SQL_TYPES[f["type"]]}' for f in made["schema"]["fields"])
            self.database.execute(f'CREATE TABLE "{name}" ({columns})')
            self.tables[name] = made
            return 200, made
        name = f"{parts[0]}.{parts[2]}.{parts[4]}"
        if name not in self.tables:
            return 404, error(404, "notFound", "Not found")
        if method == "DELETE":
            self.database.execute(f'DROP TABLE "{name}"')
            del self.tables[name]
            return 204, {}
        return 200, self.tables[name]

    def _load(self, content: bytes) -> dict[str, Any]:
        target = self.upload["configuration"]["load"]["destinationTable"]
        name = ".".join(target[key] for key in ("projectId", "datasetId", "tableId"))
        rows = pq.read_table(io.BytesIO(content))
        self.database.register("loaded", rows)
        self.database.execute(f'INSERT INTO "{name}" BY NAME FROM loaded')
        self.database.unregister("loaded")
        return self._done(self.upload)

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.database.execute(asked["configuration"]["query"]["query"].replace("`", '"'))
        return self._done(asked)

    def _done(self, asked: dict[str, Any]) -> dict[str, Any]:
        reference = asked["jobReference"]
        status: dict[str, Any] = {"state": "DONE"}
        if self.refuse in asked["configuration"] and self.refuse:
            status["errorResult"] = {"reason": "invalid", "message": "refused by the test"}
        job = {"jobReference": reference, "configuration": asked["configuration"], "status": status, "statistics": {}}
        self.jobs[reference["jobId"]] = job
        return job


def error(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "errors": [{"reason": reason, "message": message}]}}


@contextmanager
def serving() -> Iterator[Warehouse]:
    """A warehouse on a free port of the loopback; ``address`` is where it is."""
    warehouse = Warehouse()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content, headers = warehouse.answer(self.command, urlsplit(self.path).path, body)
            encoded = json.dumps(content).encode() if status != 204 else b""
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(encoded)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    warehouse.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield warehouse
    finally:
        server.shutdown()
        server.server_close()
        warehouse.database.close()
