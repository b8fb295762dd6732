"""The scenario service: one engine behind JSON over HTTP, with a page. :func:`app` builds it, to run or to mount."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from components.scenario import export, goal_seek, tornado
from components.scenario.about import About, about
from components.scenario.config import GoalRequest, Scenario, TornadoRequest
from components.scenario.engine import Engine
from components.scenario.export import Format
from components.scenario.guard import LOCAL, Guard, refused
from components.scenario.outcome import Goal, Outcome, Tornado
from components.shared.config import StrictModel
from components.shared.errors import InputError

STATIC = Path(__file__).parent / "static"
BODY_BYTES = 256 << 10
AT_ONCE = 2
"""Requests that are computed at the same time; the others wait in order, so that memory stays bounded."""
MOST_WAITING = 512

DESCRIPTION = """What would the forecast be if things were otherwise.

A scenario holds shocks that are applied in order to the rows the model looks at; preprocessing is then repeated, and
the forecast put beside that of the rows as they are, under the same dropout masks. Rows are counted from the origin,
the last row the model looks at: 0 is the origin, -4 is four rows earlier. Features are named, or matched by a pattern
such as `SM_price*`. `GET /api/model` lists them.
"""

Answer = TypeVar("Answer")


class Problems(StrictModel):
    """Why a request was refused: everything that is wrong with it, not just the first."""

    problems: list[str]


class Health(StrictModel):
    """Whether the process answers."""

    status: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problems, "description": "The body is no JSON, or the host is not the expected one."},
    413: {"model": Problems, "description": "The body is too long."},
    415: {"model": Problems, "description": "The body is not said to be JSON."},
    422: {"model": Problems, "description": "The request cannot be answered; every problem is named."},
    429: {"model": Problems, "description": "Too many requests wait; try again after `Retry-After` seconds."},
}


class _BusyError(Exception):
    """Too many requests wait."""


def app(
    engine: Engine, *, start: Scenario | None = None, hosts: Collection[str] | None = LOCAL, at_once: int = AT_ONCE
) -> FastAPI:
    """The application around an engine that is already loaded; every path in it is relative, so it can be mounted.

    Args:
        engine: answers all requests.
        start: the scenario that the page begins with; what it derives, permits and varies holds for the sliders too.
        hosts: names that requests may address; None for any, behind a proxy that checks them.
        at_once: requests that are computed at the same time.
    """
    start = start or Scenario()
    engine.check(start)
    described = about(engine, start, BODY_BYTES)
    service = FastAPI(title="Scenarios", description=DESCRIPTION, version="1", docs_url=None, redoc_url=None)
    service.add_middleware(Guard, hosts=hosts, body_bytes=BODY_BYTES)
    turns = Turns(at_once)

    @service.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @service.get("/health", summary="Whether the process answers")
    async def health() -> Health:
        return Health(status="ok")

    @service.get("/ready", summary="Whether it takes requests now", responses={503: {"model": Problems}})
    async def ready() -> Health:
        if turns.full:
            raise HTTPException(503, "too many requests wait")
        return Health(status="ready")

    @service.get("/api/model", summary="The model, its features, and the limits")
    async def model() -> About:
        return described

    @service.post(
        "/api/scenario", summary="Forecast a scenario beside its baseline", response_model=Outcome, responses=REFUSALS
    )
    async def scenario(asked: Scenario) -> Response:
        return await turns.take(lambda: _json(engine.run(asked)))

    @service.post(
        "/api/tornado", summary="Which features move the forecast", response_model=Tornado, responses=REFUSALS
    )
    async def tornado_of(asked: TornadoRequest) -> Response:
        return await turns.take(lambda: _json(tornado.run(engine, asked)))

    @service.post("/api/goal", summary="What it takes to reach a forecast", response_model=Goal, responses=REFUSALS)
    async def goal(asked: GoalRequest) -> Response:
        return await turns.take(lambda: _json(goal_seek.run(engine, asked)))

    @service.post(
        "/api/export/{form}",
        summary="A scenario as a file",
        response_class=Response,
        responses=REFUSALS | {200: {"content": {kind: {} for kind in export.MEDIA_TYPES.values()}}},
    )
    async def exported(form: Format, asked: Scenario) -> Response:
        content = await turns.take(lambda: export.encode(engine.run(asked), form))
        said = {"Content-Disposition": f'attachment; filename="scenario.{form}"'}
        return Response(content, media_type=export.MEDIA_TYPES[form], headers=said)

    service.mount("/static", StaticFiles(directory=STATIC, follow_symlink=False), name="static")
    _explain_errors(service)
    return service


class Turns:
    """Runs work in threads, a few at a time, and refuses when too many wait already."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        if self._limiter is None:  # it belongs to the event loop, which runs only when requests come
            self._limiter = anyio.CapacityLimiter(self._at_once)
        return self._limiter

    @property
    def full(self) -> bool:
        """Whether the next request would be refused."""
        return self.limiter.statistics().tasks_waiting >= MOST_WAITING

    async def take(self, work: Callable[[], Answer]) -> Answer:
        """Wait for a turn, then do the work in a thread."""
        if self.full:
            raise _BusyError
        return await anyio.to_thread.run_sync(work, limiter=self.limiter)


def _json(answer: BaseModel) -> Response:
    """An answer that is a valid model already: to validate it once more costs as much as to make it."""
    return Response(answer.model_dump_json(), media_type="application/json")


def _explain_errors(service: FastAPI) -> None:
    """Every error as :class:`Problems`."""

    def input_error(_: Request, error: Exception) -> Response:
        return refused(422, *(error.problems if isinstance(error, InputError) else [str(error)]))

    def invalid(_: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        broken = any(item["type"] == "json_invalid" for item in found)
        return refused(400 if broken else 422, *map(_in_words, found))

    def http_error(_: Request, error: Exception) -> Response:
        status, headers = getattr(error, "status_code", 500), getattr(error, "headers", None)
        return refused(status, str(getattr(error, "detail", error)), headers=headers)

    def busy(_: Request, __: Exception) -> Response:
        return refused(429, "too many requests wait: try again in a moment", headers={"Retry-After": "1"})

    service.add_exception_handler(InputError, input_error)
    service.add_exception_handler(RequestValidationError, invalid)
    service.add_exception_handler(HTTPException, http_error)
    service.add_exception_handler(_BusyError, busy)


def _in_words(problem: dict[str, Any]) -> str:
    """Where and what, without repeating what was sent: that may be long."""
    place = ".".join(str(part) for part in problem["loc"] if part != "body")
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
