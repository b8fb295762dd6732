"""``python -m local_runner serve``: the pages on a port of this machine until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import click

from local_runner.errors import UsageError
from local_runner.runs_cli import ROOT

HOST = "127.0.0.1"


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--open/--no-open", "show", default=False, help="Open the page in the browser.")
@ROOT
def serve_command(root: Path, port: int, show: bool) -> None:
    """Show runs as web pages, for this machine only (127.0.0.1): graph, logs, metrics, artifacts, comparisons."""
    from local_runner.serve import app, server

    application = app.build(root)
    with contextlib.closing(_listening(port)) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}/"
        click.echo(f"runs in {root}: {address} (this machine only; Ctrl-C ends it)")
        if show:
            import webbrowser

            webbrowser.open(address)  # it may already connect: the socket listens
        server.serve(application, listener)


def _listening(port: int) -> socket.socket:
    """A socket that accepts connections from this machine only.

    Raises:
        UsageError: another program has the port.
    """
    # Named, not 0: only then does asyncio turn Nagle's algorithm off, which holds small answers back for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot use port {port} of {HOST}: {error.strerror}; try --port 0 for a free one") from error
    listener.listen(128)
    return listener
