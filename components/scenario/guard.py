"""What every request must satisfy before it is read, and what every response carries.

- The Host header must be one that is expected. A page of another site whose name was pointed at 127.0.0.1 (DNS
  rebinding) still sends its own name there, and is refused.
- A body must be JSON by its content type: a form of another site can send none without asking first, and no answer
  allows it to. And it ends at a limit, whatever length its header promises.
- A content security policy without inline scripts, and no address but the page's own.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _TooLongError(Exception):
    """The body goes on beyond the limit."""


class Guard:
    """ASGI middleware around the whole application.

    Args:
        app: what it guards.
        hosts: names a request may address; None for any, behind a proxy that checks them.
        body_bytes: most bytes of a body.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, body_bytes: int) -> None:
        self.app, self.hosts, self.body_bytes = app, hosts, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket: nothing here uses one
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        try:
            body = await self._body(receive)
        except _TooLongError:
            await self._too_long()(scope, receive, guarded)
            return
        await self.app(scope, body, guarded)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if self.hosts is not None and (len(hosts) != 1 or not names(hosts[0], self.hosts)):
            return refused(400, f"address this server as {' or '.join(self.hosts)}")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return None  # no route has it: the application says which methods there are
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            return refused(415, f"send JSON with Content-Type: application/json, not {kind or 'without one'}")
        promised = headers.get("content-length", "0")
        if promised.isascii() and promised.isdigit() and int(promised[:20]) > self.body_bytes:
            return self._too_long()
        return None

    async def _body(self, receive: Receive) -> Receive:
        """Read the whole body, and give it again to whoever is inside."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                break
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self.body_bytes:
                raise _TooLongError
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": b"".join(parts), "more_body": False}

        return again

    def _too_long(self) -> JSONResponse:
        return refused(413, f"a request may hold {self.body_bytes:,} bytes at most")


class Escaped(JSONResponse):
    """JSON in ASCII: halves of characters, which a request may hold, can be said back but not encoded as they are."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def refused(status: int, *problems: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer of problems, the form that every error has."""
    return Escaped({"problems": list(problems)}, status_code=status, headers=headers)


def names(host: str, expected: Collection[str]) -> bool:
    """Whether a Host header is one of those expected; the port may be that of a tunnel.

    Example:
        >>> [names(host, LOCAL) for host in ("127.0.0.1:8766", "localhost", "localhost.evil.example", "127.0.0.1:8@x")]
        [True, True, False, False]
    """
    name, separator, port = host.partition(":")
    return name.lower() in expected and (not separator or (port.isascii() and port.isdigit()))
