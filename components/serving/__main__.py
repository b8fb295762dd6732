"""``python -m components.serving``: serve a model over HTTP; ``--check`` asks a running one whether it is ready."""

from __future__ import annotations

import os
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.shared import command_line

if TYPE_CHECKING:
    from components.serving.config import ServingConfig


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--model", help="A model folder, gs://…, or a registered version: soybean-oil-1m@champion.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on (AIP_HTTP_PORT, else 8080; 0: a free one)."
)
@click.option("--host", help="Address to listen on (default: this machine only).")
@click.option("--rows", help="Also answer what-if scenarios, which start from these rows: .csv, .parquet or a table.")
@click.option("--check", is_flag=True, help="Serve nothing; ask the process at that port for its health.")
def main(model: str | None, port: int | None, host: str | None, rows: str | None, check: bool) -> None:
    """Serve a trained model; every setting can also come from the environment, as on Vertex AI (AIP_HTTP_PORT, …)."""
    from components.serving.config import from_environment

    if check:
        sys.exit(_healthy(from_environment({"AIP_STORAGE_URI": "-", **os.environ}, port=port, host=host)))
    config = from_environment(os.environ, model=model, port=port, host=host, rows=rows)
    from components.serving import logs, server, storage
    from components.serving.predictor import Predictor
    from components.shared.artifacts import TrainedModel

    logs.set_up()
    with tempfile.TemporaryDirectory() as scratch:
        chosen = storage.bring(config.model, Path(scratch), registry=config.registry)
        server.run(Predictor.load(TrainedModel.open(chosen.path), chosen.name), config)


def _healthy(config: ServingConfig) -> int:
    """0 if a process answers at the health route that it is ready, else 1."""
    host = "127.0.0.1" if config.host == "0.0.0.0" else config.host
    try:
        with urllib.request.urlopen(f"http://{host}:{config.port}{config.health_route}", timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, TimeoutError) as error:
        click.echo(f"not ready: {error}", err=True)
        return 1


if __name__ == "__main__":
    command_line.run(main, "python -m components.serving")
