"""What every request must satisfy and every response carries, whatever page it is.

- The Host header must name this machine. A page of another site whose name was pointed at 127.0.0.1 (DNS rebinding)
  still sends its own name there, and is refused.
- GET only: no request changes anything.
- A content security policy without inline scripts: text of a task that reached a page unescaped still could not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ARTIFACT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""For what tasks wrote: no script, no form, no address but its own, an origin of its own."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket: the pages use none
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", PAGE_POLICY)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await (_refusal(scope) or self.app)(scope, receive, guarded)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    hosts = Headers(scope=scope).getlist("host")
    if len(hosts) != 1 or not is_local(hosts[0]):
        return PlainTextResponse(f"refused: address this server as {' or '.join(HOSTS)}", status_code=400)
    if scope["method"] != "GET":
        return PlainTextResponse("refused: nothing here can be changed", status_code=405, headers={"Allow": "GET"})
    return None


def is_local(host: str) -> bool:
    """Whether a Host header names this machine; the port may be that of a tunnel.

    Example:
        >>> [is_local(host) for host in ("127.0.0.1:8765", "localhost", "localhost.evil.example", "127.0.0.1:8@x")]
        [True, True, False, False]
    """
    name, separator, port = host.partition(":")
    return name.lower() in HOSTS and (not separator or (port.isascii() and port.isdigit()))
