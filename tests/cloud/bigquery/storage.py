"""BigQuery's Storage Read API over gRPC: sessions of a snapshot cut into streams, with faults on demand."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from cloud.bigquery.warehouse import Warehouse

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True)
class Break:
    """A stream breaks off with this status once ``rows`` of the request's rows were sent; ``times`` requests long."""

    code: grpc.StatusCode
    rows: int = 0
    times: int = 1
    message: str = "injected"


class Storage:
    """Serves the tables of a warehouse on 127.0.0.1.

    Attributes:
        asked: stream number and offset of every request for rows, in order.
        sessions: the requests that sessions were made of.
        breaks: how streams break off, by number; each is used up once.
        refuse: a status that no session gets past.
        lifetime: of a session.
        response_rows: rows a response; they go to the streams in turns.
        pause: seconds before each response.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.asked: list[tuple[int, int]] = []
        self.sessions: list[types.ReadSession] = []
        self.breaks: dict[int, list[Break]] = {}
        self.refuse: tuple[grpc.StatusCode, str] | None = None
        self.lifetime = timedelta(hours=6)
        self.response_rows = 16_384
        self.pause = 0.0
        self._streams: dict[str, list[pa.RecordBatch]] = {}
        self._compressed: dict[str, bool] = {}
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_send_message_length", -1)])
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.stop(None)

    def _handlers(self) -> grpc.GenericRpcHandler:
        create = grpc.unary_unary_rpc_method_handler(
            self._create, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
        )
        read = grpc.unary_stream_rpc_method_handler(
            self._read, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"CreateReadSession": create, "ReadRows": read})

    def _create(self, request: types.CreateReadSessionRequest, context: grpc.ServicerContext) -> types.ReadSession:
        if self.refuse is not None:
            context.abort(*self.refuse)
        asked = request.read_session
        self.sessions.append(asked)
        _, project, _, dataset, _, table = asked.table.split("/")
        name = f"{project}.{dataset}.{table}"
        if name not in self.warehouse.tables:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Table {name}")
        rows = self._snapshot(name, asked)
        batches = rows.to_batches(self.response_rows)
        session = f"projects/{project}/locations/us/sessions/{uuid.uuid4().hex}"
        count = min(request.max_stream_count or 4, len(batches))
        for number in range(count):
            self._streams[f"{session}/streams/{number}"] = batches[number::count]
        self._compressed[session] = bool(asked.read_options.arrow_serialization_options.buffer_compression)
        return types.ReadSession(
            name=session,
            expire_time=datetime.now(UTC) + self.lifetime,
            data_format=asked.data_format,
            arrow_schema={"serialized_schema": rows.schema.serialize().to_pybytes()},
            streams=[{"name": f"{session}/streams/{number}"} for number in range(count)],
            estimated_total_bytes_scanned=8 * rows.num_rows * rows.num_columns,
            estimated_row_count=rows.num_rows,
        )

    def _snapshot(self, name: str, asked: types.ReadSession) -> pa.Table:
        fields = asked.read_options.selected_fields
        # The API gives columns in the order of the table, whatever order they are asked for in.
        chosen = [f["name"] for f in self.warehouse.tables[name].fields if not fields or f["name"] in fields]
        where = asked.read_options.row_restriction
        columns = ", ".join(f"`{column}`" for column in chosen)
        return self.warehouse.select(f"SELECT {columns} FROM `{name}`{f' WHERE {where}' if where else ''}", {}, "")

    def _read(self, request: types.ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[Any]:
        session, _, number = request.read_stream.rpartition("/streams/")
        if request.read_stream not in self._streams:
            context.abort(grpc.StatusCode.NOT_FOUND, "session not found or expired")
        self.asked.append((int(number), request.offset))
        options = LZ4 if self._compressed[session] else None
        broken = self._break(int(number))
        sent = skipped = 0
        for batch in self._streams[request.read_stream]:
            part = batch.slice(min(max(request.offset - skipped, 0), batch.num_rows))
            skipped += batch.num_rows
            if not part.num_rows:
                continue
            if broken and sent >= broken.rows:
                context.abort(broken.code, broken.message)
            time.sleep(self.pause)
            yield types.ReadRowsResponse(
                arrow_record_batch={"serialized_record_batch": _bytes(part, options)},
                row_count=part.num_rows,
                arrow_schema=None if sent else {"serialized_schema": part.schema.serialize().to_pybytes()},
            )
            sent += part.num_rows
        if broken:
            context.abort(broken.code, broken.message)

    def _break(self, number: int) -> Break | None:
        planned = self.breaks.get(number)
        if not planned:
            return None
        first = planned[0]
        if first.times > 1:
            planned[0] = Break(first.code, first.rows, first.times - 1, first.message)
        else:
            planned.pop(0)
        return first


def _bytes(batch: pa.RecordBatch, options: pa.ipc.IpcWriteOptions | None) -> bytes:
    """One encapsulated record batch message, without its schema."""
    if options is None:
        return batch.serialize().to_pybytes()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()
    return messages.read_next_message().serialize().to_pybytes()
