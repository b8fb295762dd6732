"""``python -m components.scenario``: answer a scenario of a file, or serve scenarios with a page."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.shared import command_line
from components.shared.errors import InputError

if TYPE_CHECKING:
    from components.scenario.config import Scenario
    from components.scenario.engine import Engine
    from components.scenario.outcome import Outcome

HOST = "127.0.0.1"
_MODEL = click.argument("model")
_ROWS = click.option(
    "--rows", required=True, type=click.Path(path_type=Path), help="Rows to start from: .csv, .parquet or a table."
)
_ENTITY = click.option("--entity", metavar="NAME", help="Which series of a panel.")
_PASSES = click.option(
    "--passes", type=click.IntRange(0, 1000), default=100, show_default=True, help="Monte Carlo dropout; 0 is none."
)
_SEED = click.option("--seed", type=int, default=0, show_default=True, help="Draws the dropout masks.")
_REGISTRY = click.option("--registry", metavar="sqlite:///FILE", help="Registry of MODEL, where it is NAME@ALIAS.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """What would the forecast be if things were otherwise.

    MODEL is a folder that train wrote, or a registered version such as soybean-oil-1m@champion.
    """


@main.command("run")
@_MODEL
@click.argument("scenario", type=click.Path(path_type=Path))
@_ROWS
@click.option("--out", "outs", multiple=True, type=click.Path(path_type=Path), help="A .csv, .parquet or .png.")
@_ENTITY
@_PASSES
@_SEED
@_REGISTRY
def run_command(model: str, scenario: Path, rows: Path, outs: tuple[Path, ...], **given: object) -> None:
    """Answer the scenario of a YAML file."""
    from components.scenario import export

    asked = _scenario(scenario)
    for path in outs:
        export.format_of(path)
    outcome = _engine(model, rows, **given).run(asked)
    for path in outs:
        export.write(outcome, path)
    _say(outcome)
    for path in outs:
        click.echo(f"written to {path}")


@main.command("serve")
@_MODEL
@_ROWS
@click.option("--scenario", type=click.Path(path_type=Path), help="YAML file of the scenario to begin with.")
@click.option("--port", type=click.IntRange(0, 65535), default=8766, show_default=True, help="0 takes a free one.")
@click.option("--open/--no-open", "show", default=False, help="Open the page in the browser.")
@_ENTITY
@_PASSES
@_SEED
@_REGISTRY
def serve_command(model: str, rows: Path, scenario: Path | None, port: int, show: bool, **given: object) -> None:
    """Serve scenarios with a page, for this machine only (127.0.0.1), until Ctrl-C."""
    import uvicorn

    from components.scenario import service

    start = None if scenario is None else _scenario(scenario)
    with contextlib.closing(_listening(port)) as listener:
        engine = _engine(model, rows, **given)
        application = service.app(engine, start=start)
        listener.listen(128)  # only now: who can connect finds a model that is loaded
        address = f"http://{HOST}:{listener.getsockname()[1]}/"
        click.echo(f"scenarios of {engine.name}: {address} (this machine only; Ctrl-C ends it)")
        if show:
            import webbrowser

            webbrowser.open(address)
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, lifespan="off", server_header=False, ws="none",
            proxy_headers=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        with contextlib.suppress(KeyboardInterrupt):  # Uvicorn passes the signal on once it has stopped
            uvicorn.Server(config).run(sockets=[listener])


def _scenario(path: Path) -> Scenario:
    from components.scenario.config import Scenario
    from components.shared.config import read_yaml, validate

    return validate(Scenario, read_yaml(path))


def _engine(model: str, rows: Path, **given: object) -> Engine:
    """Load the model by its folder or by its name in the registry."""
    from components.forecast import choosing
    from components.forecast.config import ModelChoice
    from components.scenario.engine import Engine

    registry = given.pop("registry")
    choice = {"source": model, **({"registry": {"uri": registry}} if registry else {})}
    chosen = choosing.find(ModelChoice.parse(choice, section="model"))
    return Engine.load(chosen.path, rows, name=chosen.name, **given)  # type: ignore[arg-type]


def _listening(port: int) -> socket.socket:
    """A socket of this machine alone.

    Raises:
        InputError: another program has the port.
    """
    # asyncio turns Nagle's algorithm off for sockets whose protocol is spelled out: else every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise InputError(f"cannot use port {port} of {HOST}: {error.strerror}; try --port 0 for a free one") from error
    return listener


def _say(outcome: Outcome) -> None:
    """The answer in words."""
    click.echo(f"{outcome.name}: {outcome.model}, from {outcome.origin} for {outcome.times[-1]}")
    for name in ("baseline", "scenario"):
        forecast = getattr(outcome, name)
        bands = [f"{100 * b.share:g} % {b.lower:,.6g} to {b.upper:,.6g}" for b in forecast.bands if b.share == 0.9]
        click.echo(f"{name:10} {forecast.points[-1]:,.6g} {outcome.unit}  {'; '.join(bands)}".rstrip())
    change = outcome.difference
    percent = "" if change.percent is None else f" ({change.percent:+.2f} %)"
    passes = "" if change.higher is None else f", higher in {change.higher:.0%} of {_passes(outcome)} passes"
    click.echo(f"difference {change.points[-1]:+,.6g} {outcome.unit}{percent}{passes}")
    for reason in outcome.plausibility.reasons if outcome.plausibility.outside else ():
        click.echo(f"out of distribution: {reason}")
    for note in outcome.notes:
        click.echo(f"note: {note}")


def _passes(outcome: Outcome) -> int:
    return outcome.difference.spread.passes if outcome.difference.spread else 0


if __name__ == "__main__":
    command_line.run(main, "python -m components.scenario")
