"""What happens to every request around its answer: measured, logged, and asked to reconnect while draining."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from components.serving import logs, metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass
class Life:
    """Whether the process still wants requests; ``draining`` is set when it was told to end."""

    draining: bool = False
    in_flight: int = 0


@dataclass
class Observed:
    """An ASGI application around another one. ``quiet`` are paths that are measured but not logged when all is well."""

    inner: Application
    life: Life
    quiet: frozenset[str]
    requests: metrics.Counter = field(
        default_factory=lambda: metrics.Counter("serving_requests_total", "Requests answered.", ("path", "status"))
    )
    seconds: metrics.Histogram = field(
        default_factory=lambda: metrics.Histogram(
            "serving_request_seconds", "Seconds from a request's headers to its answer.", metrics.SECONDS
        )
    )
    paths: frozenset[str] = frozenset()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        begun, path = time.perf_counter(), str(scope["path"])
        seen = {"status": 500, "received": 0, "sent": 0}
        self.life.in_flight += 1
        try:
            await self.inner(scope, _counting(receive, seen), self._answering(send, seen))
        finally:
            self.life.in_flight -= 1
            elapsed = time.perf_counter() - begun
            # Paths come from outside: unknown ones share a label, or anyone could fill the memory with labels.
            self.requests.add(path if path in self.paths else "other", str(seen["status"]))
            if path not in self.quiet or seen["status"] >= 400:
                self.seconds.observe(elapsed)
                logs.request(scope["method"], path, elapsed, seen, _trace(scope))

    def _answering(self, send: Send, seen: dict[str, int]) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                if self.life.draining:
                    message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            elif message["type"] == "http.response.body":
                seen["sent"] += len(message.get("body", b""))
            await send(message)

        return answer


def _counting(receive: Receive, seen: dict[str, int]) -> Receive:
    async def counted() -> Message:
        message = await receive()
        seen["received"] += len(message.get("body", b""))
        return message

    return counted


def _trace(scope: Message) -> str:
    """Google's trace identifier of the request, if the caller sent one."""
    for name, value in scope["headers"]:
        if name == b"x-cloud-trace-context":
            return str(value.decode("latin-1").split("/")[0])
    return ""
