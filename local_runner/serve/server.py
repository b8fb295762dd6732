"""Uvicorn on a socket that is already bound; the one place that knows it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve(application: FastAPI, listener: socket.socket) -> None:
    """Answer requests until the process is interrupted."""
    config = uvicorn.Config(
        application, log_level="warning", access_log=False, lifespan="off", server_header=False, ws="none",
        proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # Uvicorn passes the signal on once it has stopped; that is how this is meant to end
        return
