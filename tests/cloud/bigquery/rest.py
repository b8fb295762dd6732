"""BigQuery's REST API: tables, query jobs with dry runs and limits, and load jobs by both kinds of upload."""

from __future__ import annotations

import io
import json
import re
import uuid
from typing import Any

import duckdb
import pyarrow.parquet as pq

from cloud.bigquery.warehouse import Warehouse, cell_of, fields_of, value_of
from cloud.server import Answer, Refusal, Request

Json = dict[str, Any]
LARGEST_PAGE = 10_000


def refused(status: int, reason: str, message: str) -> Refusal:
    """A refusal with BigQuery's reason, by which its client decides whether to try again."""
    refusal = Refusal(status, message)
    refusal.answer.body["error"]["errors"] = [{"reason": reason, "message": message}]
    return refusal


class Rest:
    """Answers requests over a warehouse.

    Attributes:
        jobs: every job by its id, as the API shows it.
        refusals: what to refuse, by kind of configuration (``load``, ``query``): reason and message of the job's error.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.jobs: dict[str, Json] = {}
        self.answers: dict[str, Any] = {}
        self.refusals: dict[str, tuple[str, str]] = {}
        self._uploads: dict[str, Json] = {}

    def answer(self, request: Request) -> Answer:
        with self.warehouse.lock:
            if request.path.startswith("/upload/") or request.one("upload_id"):
                return self._upload(request)
            parts = request.path.removeprefix("/bigquery/v2").strip("/").split("/")
            if "tables" in parts:
                return self._table(request, parts)
            if parts[2] == "jobs" and request.method == "POST":
                return Answer(self._job(request.json(), parts[1]))
            if parts[2] in {"jobs", "queries"}:
                return Answer(self._found(parts[3], request, rows=parts[2] == "queries"))
        raise refused(404, "notFound", f"no such route: {request.method} {request.path}")

    def _table(self, request: Request, parts: list[str]) -> Answer:
        if request.method == "POST":
            made = request.json()
            name = ".".join(made["tableReference"][key] for key in ("projectId", "datasetId", "tableId"))
            if name in self.warehouse.tables:
                raise refused(409, "duplicate", f"Already Exists: Table {name}")
            more = {key: made[key] for key in ("expirationTime", "timePartitioning", "clustering") if key in made}
            self.warehouse.create(name, made["schema"]["fields"], more)
            return Answer(self.warehouse.resource(name))
        name = f"{parts[1]}.{parts[3]}.{parts[5]}"
        if name not in self.warehouse.tables:
            raise refused(404, "notFound", f"Not found: Table {name}")
        if request.method == "DELETE":
            self.warehouse.drop(name)
            return Answer(b"", 204)
        return Answer(self.warehouse.resource(name))

    def _job(self, asked: Json, project: str) -> Json:
        reference = asked.setdefault("jobReference", {"projectId": project, "jobId": uuid.uuid4().hex})
        if reference["jobId"] in self.jobs:
            raise refused(409, "duplicate", f"Already Exists: Job {reference['jobId']}")
        if "query" in asked["configuration"]:
            return self._query(asked, project)
        raise refused(400, "invalid", "a load needs an upload")

    def _query(self, asked: Json, project: str) -> Json:
        configuration = asked["configuration"]
        query, dry = configuration["query"], configuration.get("dryRun", False)
        size = self._checked(query["query"], project)
        limit = int(query.get("maximumBytesBilled") or 1 << 62)
        if size > limit and not dry:
            message = f"Query exceeded limit for bytes billed: {limit}. {size} or higher required."
            raise refused(400, "bytesBilledLimitExceeded", message)
        parameters = {p["name"]: value_of(p) for p in query.get("queryParameters", [])}
        statistics: Json = {"totalBytesProcessed": str(size), "query": {"totalBytesProcessed": str(size)}}
        try:
            if dry or "query" not in self.refusals:
                plan = f"SELECT * FROM ({query['query']}\n) LIMIT 0" if dry else query["query"]
                rows = self.warehouse.select(plan, parameters, project)
                statistics["query"]["schema"] = {"fields": fields_of(rows.schema)}
        except duckdb.Error as error:
            raise refused(400, "invalidQuery", str(error)) from error
        if not dry and "query" not in self.refusals and rows.num_columns and not query["query"].startswith("MERGE"):
            table = {"projectId": project, "datasetId": "_answers", "tableId": f"anon{uuid.uuid4().hex}"}
            self.warehouse.add(".".join(table.values()), rows)
            query["destinationTable"] = table
            self.answers[asked["jobReference"]["jobId"]] = rows
        return self._done(asked, statistics)

    def _checked(self, sql: str, project: str) -> int:
        for name in self.warehouse.tables_in(sql, project).values():
            if name not in self.warehouse.tables:
                raise refused(404, "notFound", f"Not found: Table {name} was not found in location US")
            resource = self.warehouse.resource(name)
            column = resource.get("timePartitioning", {}).get("field", "")
            if resource.get("requirePartitionFilter") and column not in sql.partition("WHERE")[2]:
                message = (
                    f"Cannot query over table '{name}' without a filter over column(s) '{column}' that can be used "
                    "for partition elimination"
                )
                raise refused(400, "invalidQuery", message)
        return self.warehouse.bytes_of(sql, project)

    def _upload(self, request: Request) -> Answer:
        if request.one("uploadType") == "multipart":
            boundary = re.search(r'boundary="?([^";]+)', request.headers["content-type"])
            assert boundary is not None
            _, job, file, _ = request.body.split(b"--" + boundary[1].encode())
            asked = json.loads(job.split(b"\r\n\r\n", 1)[1])
            return Answer(self._load(asked, file.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")))
        if request.method == "POST":
            key = uuid.uuid4().hex
            self._uploads[key] = {"asked": request.json(), "content": b"", "project": request.path.split("/")[4]}
            return Answer({}, 200, {"Location": f"http://{request.headers['host']}/resumable?upload_id={key}"})
        return self._chunk(self._uploads[request.one("upload_id")], request)

    def _chunk(self, upload: Json, request: Request) -> Answer:
        """Take a chunk, or say how much has come: what a client asks after a connection was lost."""
        span = re.match(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", request.headers.get("content-range", ""))
        assert span is not None
        if span[1] is not None:
            upload["content"] = upload["content"][: int(span[1])] + request.body
        if span[2] == "*" or len(upload["content"]) < int(span[2]):
            stop = len(upload["content"])
            return Answer(b"", 308, {"Range": f"bytes=0-{stop - 1}"} if stop else {})
        if "done" not in upload:
            upload["done"] = self._load(upload["asked"], upload["content"])
        return Answer(upload["done"])

    def _load(self, asked: Json, content: bytes) -> Json:
        load = asked["configuration"]["load"]
        target = load["destinationTable"]
        name = ".".join(target[key] for key in ("projectId", "datasetId", "tableId"))
        if asked["jobReference"]["jobId"] in self.jobs:
            raise refused(409, "duplicate", f"Already Exists: Job {asked['jobReference']['jobId']}")
        if "load" not in self.refusals:
            if name not in self.warehouse.tables:
                self.warehouse.create(name, load["schema"]["fields"], {})
            replace = load.get("writeDisposition") == "WRITE_TRUNCATE"
            self.warehouse.append(name, pq.read_table(io.BytesIO(content)), replace=replace)
        return self._done(asked, {})

    def _done(self, asked: Json, statistics: Json) -> Json:
        (kind,) = {"load", "query"} & asked["configuration"].keys()
        status: Json = {"state": "DONE"}
        if kind in self.refusals and not asked["configuration"].get("dryRun"):
            reason, message = self.refusals[kind]
            status["errorResult"] = {"reason": reason, "message": message}
        job = {**asked, "status": status, "statistics": statistics, "id": asked["jobReference"]["jobId"]}
        if not asked["configuration"].get("dryRun"):
            self.jobs[asked["jobReference"]["jobId"]] = job
        return job

    def _found(self, job_id: str, request: Request, *, rows: bool) -> Json:
        if job_id not in self.jobs:
            raise refused(404, "notFound", f"Not found: Job {job_id}")
        job = self.jobs[job_id]
        if not rows:
            return job
        found = self.answers.get(job_id)
        size = min(int(request.one("maxResults", str(LARGEST_PAGE))), LARGEST_PAGE)
        start = int(request.one("pageToken", "0"))
        page = found.slice(start, size).to_pylist() if found is not None else []
        answer = {
            "jobReference": job["jobReference"], "jobComplete": True,
            "totalRows": str(found.num_rows if found is not None else 0),
            "schema": {"fields": fields_of(found.schema) if found is not None else []},
        }  # fmt: skip
        if size:
            answer["rows"] = [{"f": [{"v": cell_of(value)} for value in row.values()]} for row in page]
        more = found is not None and 0 < size < found.num_rows - start
        return {**answer, **({"pageToken": str(start + size)} if more else {})}
