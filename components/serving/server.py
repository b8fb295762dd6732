"""The process: listens, and ends without losing a request.

On SIGTERM it goes on answering for ``drain_seconds``, but its health says 503 and every answer asks to close its
connection, so whoever balances the load sends nothing more. Then it stops listening, finishes what has begun, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import uvicorn

from components.serving import app
from components.serving.config import ServingConfig
from components.serving.logs import LOGGER
from components.serving.predictor import Predictor

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 2048


def run(predictor: Predictor, config: ServingConfig) -> None:
    """Serve a model until the process is told to end.

    Raises:
        InputError: scenarios are to start from rows that do not fit the model.
    """
    asyncio.run(_serve(predictor, config, scenarios_of(predictor, config)))


def scenarios_of(predictor: Predictor, config: ServingConfig) -> FastAPI | None:
    """What-if scenarios of the model, if there are rows to start them from."""
    if config.rows is None:
        return None
    from components.scenario import service
    from components.scenario.engine import Engine
    from components.scenario.guard import LOCAL

    engine = Engine.load(predictor.model.path, config.rows, name=predictor.name)
    # On other addresses a proxy stands in front, and only it knows by which name it is asked.
    return service.app(engine, hosts=LOCAL if config.host in LOCAL else None)


async def _serve(predictor: Predictor, config: ServingConfig, scenarios: FastAPI | None) -> None:
    service = app.Service(predictor, config)
    settings = uvicorn.Config(
        app.build(service, scenarios), host=config.host, port=config.port, log_config=None, access_log=False,
        lifespan="off", server_header=False, ws="none", proxy_headers=False, backlog=BACKLOG,
        timeout_graceful_shutdown=int(config.stop_seconds) or 1,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    async with _ending(server, service):
        await server.serve()
    service.close()
    LOGGER.info("ended")


@contextlib.asynccontextmanager
async def _ending(server: uvicorn.Server, service: app.Service) -> AsyncIterator[None]:
    """Watch for signals from when the server has started; until then Uvicorn's own handling ends it at once."""
    watch = asyncio.create_task(_watch(server, service))
    try:
        yield
    finally:
        watch.cancel()


async def _watch(server: uvicorn.Server, service: app.Service) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    LOGGER.info(
        "serving %s", service.predictor.name, extra={"fields": {"port": port, "serving": service.predictor.about()}}
    )
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
    service.life.draining = True
    LOGGER.info("draining for %g s", service.config.drain_seconds)
    await asyncio.sleep(service.config.drain_seconds)
    server.should_exit = True
