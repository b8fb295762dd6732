"""A small HTTP server with faults on demand: what every stand-in is made of."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as a stand-in sees it: ``path`` is unquoted, ``query`` has every value in a list."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def one(self, key: str, otherwise: str = "") -> str:
        return self.query.get(key, [otherwise])[0]


@dataclass
class Answer:
    """What a stand-in answers; a dict becomes JSON."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


class Refusal(Exception):  # noqa: N818  it is an answer, not a mistake
    """A request is refused as Google's APIs refuse: an HTTP status, its canonical name, a message."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.answer = Answer(
            {"error": {"code": status, "message": message, "status": STATUS_NAMES[status]}}, status, headers or {}
        )


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one request.

    ``reset`` closes the connection before anything is done, ``lost`` after it was done and before the answer.
    """

    kind: Literal["429", "503", "401", "403", "404", "409", "500", "reset", "lost"]
    retry_after: str = ""

    def refusal(self) -> Refusal:
        return Refusal(int(self.kind), "injected", {"Retry-After": self.retry_after} if self.retry_after else None)


Handler = Callable[[Request], Answer]


class StandIn:
    """Serves a handler on 127.0.0.1.

    Attributes:
        seen: every request that came in, in order.
        faults: what goes wrong, by number of the request (from 0, counted since :meth:`forget`).
        latency: seconds before each answer.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.seen: list[Request] = []
        self.faults: dict[int, Fault] = {}
        self.latency = 0.0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _request_handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Count requests from zero again, without faults."""
        with self._lock:
            self.seen, self.faults = [], {}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, request: Request) -> tuple[Answer | None, Fault | None]:
        """Answer a request; no answer means that the connection is cut."""
        with self._lock:
            fault = self.faults.get(len(self.seen))
            self.seen.append(request)
        time.sleep(self.latency)
        if fault and fault.kind == "reset":
            return None, fault
        if fault and fault.kind != "lost":
            return fault.refusal().answer, fault
        try:
            answer = self.handler(request)
        except Refusal as refusal:
            answer = refusal.answer
        return (None if fault else answer), fault


def _request_handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            query = parse_qs(parts.query, keep_blank_values=True)
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(length) if length else self._chunks()
            answer, _ = stand_in.take(Request(self.command, unquote(parts.path), query, headers, body))
            if answer is None:
                # A zero linger makes close send a reset, as a broken network does.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            content = answer.encoded()
            self.send_response(answer.status)
            for key, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _chunks(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return b""
            blocks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                blocks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(blocks)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815  names http.server asks for

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests' output is not this server's log."""

    return _Handler
